#include "node/guest_info.hpp"

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "rules/objects.hpp"

namespace godwit::node {
namespace {

const json::Array& list_of(const json::Value& value) {
  static const json::Array none;
  return value.is_array() ? value.as_array() : none;
}

json::Array users_in(const AgentAnswers& answers) {
  json::Array users;
  for (const auto& user : list_of(answers.users)) {
    json::Object one{{"userName", json::string_at(user, "/user")}};
    if (const auto domain = json::string_at(user, "/domain"); !domain.empty()) one["domain"] = domain;
    const auto* since = json::find(user, "/login-time");
    if (since != nullptr && since->is_number()) one["loginTime"] = *since;
    users.push_back(std::move(one));
  }
  return users;
}

json::Array filesystems_in(const AgentAnswers& answers) {
  json::Array filesystems;
  for (const auto& fs : list_of(answers.filesystems)) {
    json::Array disks;
    for (const auto& disk : json::array_at(fs, "/disk")) {
      json::Object one{{"busType", json::string_at(disk, "/bus-type")}};
      if (const auto serial = json::string_at(disk, "/serial"); !serial.empty()) one["serial"] = serial;
      disks.push_back(std::move(one));
    }
    filesystems.push_back(json::Object{{"diskName", json::string_at(fs, "/name")},
                                       {"mountPoint", json::string_at(fs, "/mountpoint")},
                                       {"fileSystemType", json::string_at(fs, "/type")},
                                       {"usedBytes", json::int_at(fs, "/used-bytes")},
                                       {"totalBytes", json::int_at(fs, "/total-bytes")},
                                       {"disk", std::move(disks)}});
  }
  return filesystems;
}

json::Value items(std::string_view kind, json::Array entries) {
  return json::Object{
      {"kind", kind}, {"apiVersion", "kubevirt.io/v1"}, {"metadata", json::Object{}}, {"items", std::move(entries)}};
}

const json::Value* with_mac(const AgentAnswers& answers, const std::string& mac) {
  for (const auto& interface : list_of(answers.interfaces)) {
    if (to_lower(json::string_at(interface, "/hardware-address")) == to_lower(mac)) return &interface;
  }
  return nullptr;
}

json::Array addresses_in(const json::Value& interface) {
  json::Array addresses;
  for (const auto& address : json::array_at(interface, "/ip-addresses"))
    addresses.emplace_back(json::string_at(address, "/ip-address"));
  return addresses;
}

}  // namespace

json::Value os_info_of(const AgentAnswers& answers) {
  constexpr std::array fields = {
      std::pair{"name", "/name"},
      std::pair{"kernelRelease", "/kernel-release"},
      std::pair{"version", "/version"},
      std::pair{"prettyName", "/pretty-name"},
      std::pair{"versionId", "/version-id"},
      std::pair{"kernelVersion", "/kernel-version"},
      std::pair{"machine", "/machine"},
      std::pair{"id", "/id"},
  };
  json::Object info;
  for (const auto& [name, pointer] : fields) {
    if (const auto text = json::string_at(answers.os, pointer); !text.empty()) info[name] = text;
  }
  return info;
}

json::Value agent_info_of(const AgentAnswers& answers) {
  json::Array commands;
  for (const auto& command : json::array_at(answers.info, "/supported_commands")) {
    commands.push_back(
        json::Object{{"name", json::string_at(command, "/name")}, {"enabled", json::bool_at(command, "/enabled")}});
  }
  json::Object info{{"kind", "VirtualMachineInstanceGuestAgentInfo"},
                    {"apiVersion", "kubevirt.io/v1"},
                    {"metadata", json::Object{}},
                    {"guestAgentVersion", json::string_at(answers.info, "/version")},
                    {"supportedCommands", std::move(commands)},
                    {"hostname", json::string_at(answers.host, "/host-name")},
                    {"os", os_info_of(answers)}};
  if (const auto zone = json::string_at(answers.timezone, "/zone"); !zone.empty())
    info["timezone"] = fmt::format("{}, {}", zone, json::int_at(answers.timezone, "/offset"));
  if (auto users = users_in(answers); !users.empty()) info["userList"] = std::move(users);
  info["fsInfo"] = json::Object{{"disks", filesystems_in(answers)}};
  return info;
}

json::Value user_list_of(const AgentAnswers& answers) {
  return items("VirtualMachineInstanceGuestOSUserList", users_in(answers));
}

json::Value filesystem_list_of(const AgentAnswers& answers) {
  return items("VirtualMachineInstanceFileSystemList", filesystems_in(answers));
}

void set_agent(json::Value& vmi, const AgentAnswers& answers, std::string_view now) {
  json::set(vmi, "/status/conditions",
            rules::with_condition(json::array_at(vmi, "/status/conditions"),
                                  json::Object{{"type", "AgentConnected"}, {"status", "True"}}, now));
  json::set(vmi, "/status/guestOSInfo", os_info_of(answers));
  auto* interfaces = json::find(vmi, "/status/interfaces");
  if (interfaces == nullptr || !interfaces->is_array()) return;
  for (auto& interface : interfaces->as_array()) {
    const auto* inside = with_mac(answers, json::string_at(interface, "/mac"));
    if (inside == nullptr) continue;
    json::set(interface, "/interfaceName", json::Value(json::string_at(*inside, "/name")));
    json::set(interface, "/infoSource", "domain, guest-agent");
    // One that is translated is known to the others by its address on the pod network alone.
    auto addresses = addresses_in(*inside);
    const auto known = json::string_at(interface, "/ipAddress");
    const bool has_known = std::find(addresses.begin(), addresses.end(), json::Value(known)) != addresses.end();
    if (has_known || known.empty()) json::set(interface, "/ipAddresses", std::move(addresses));
  }
}

void set_no_agent(json::Value& vmi) {
  const auto& conditions = json::array_at(vmi, "/status/conditions");
  if (rules::condition_of(vmi, "AgentConnected") == nullptr) return;
  json::set(vmi, "/status/conditions", rules::without_condition(conditions, "AgentConnected"));
}

}  // namespace godwit::node
