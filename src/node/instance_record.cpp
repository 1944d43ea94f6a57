#include "node/instance_record.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/log.hpp"
#include "qemu/command_line.hpp"

namespace godwit::node {
namespace {

json::Value to_json(const hostnet::PortSpec& port) {
  return json::Object{{"tap", port.tap},
                      {"binding", port.binding == hostnet::Binding::masquerade ? "masquerade" : "bridge"},
                      {"mac", port.mac},
                      {"podIP", port.pod_ip},
                      {"prefixLength", port.prefix_length},
                      {"gateway", port.gateway},
                      {"mtu", port.mtu},
                      {"hostname", port.hostname}};
}

hostnet::PortSpec port_of(const json::Value& value) {
  hostnet::PortSpec port;
  port.tap = json::string_at(value, "/tap");
  port.binding =
      json::string_at(value, "/binding") == "bridge" ? hostnet::Binding::bridge : hostnet::Binding::masquerade;
  port.mac = json::string_at(value, "/mac");
  port.pod_ip = json::string_at(value, "/podIP");
  port.prefix_length = static_cast<int>(json::int_at(value, "/prefixLength"));
  port.gateway = json::string_at(value, "/gateway");
  port.mtu = static_cast<int>(json::int_at(value, "/mtu"));
  port.hostname = json::string_at(value, "/hostname");
  return port;
}

}  // namespace

json::Value to_json(const InstanceRecord& record) {
  json::Array ports;
  json::Array names;
  for (const std::string& name : record.interface_names) names.emplace_back(name);
  for (const hostnet::PortSpec& port : record.ports) ports.push_back(to_json(port));
  return json::Object{
      {"namespace", record.vmi.ns},
      {"vmi", record.vmi.name},
      {"vmiUID", record.vmi_uid},
      {"pod", record.pod.name},
      {"podUID", record.pod_uid},
      {"role", record.role == Role::owner ? "owner" : "incoming"},
      {"migrationUID", record.migration_uid},
      {"lastMigrationUID", record.last_migration_uid},
      {"peer", record.peer},
      {"ports", std::move(ports)},
      {"interfaceNames", std::move(names)},
      {"machineType", record.machine_type},
      {"cpu", record.cpu},
      {"reboots", record.reboots},
  };
}

Result<InstanceRecord> instance_record_of(const json::Value& value) {
  InstanceRecord record{.vmi = {json::string_at(value, "/namespace"), json::string_at(value, "/vmi")},
                        .vmi_uid = json::string_at(value, "/vmiUID"),
                        .pod = {json::string_at(value, "/namespace"), json::string_at(value, "/pod")},
                        .pod_uid = json::string_at(value, "/podUID"),
                        .role = json::string_at(value, "/role") == "incoming" ? Role::incoming : Role::owner,
                        .migration_uid = json::string_at(value, "/migrationUID"),
                        .last_migration_uid = json::string_at(value, "/lastMigrationUID"),
                        .peer = json::string_at(value, "/peer"),
                        .ports = {},
                        .interface_names = {},
                        .machine_type = json::string_at(value, "/machineType"),
                        .cpu = json::string_at(value, "/cpu"),
                        .reboots = json::bool_at(value, "/reboots")};
  if (record.vmi.name.empty() || record.vmi_uid.empty() || record.pod_uid.empty()) {
    return fail(Code::invalid, "the record of a QEMU is not whole");
  }
  for (const json::Value& port : json::array_at(value, "/ports")) record.ports.push_back(port_of(port));
  for (const json::Value& name : json::array_at(value, "/interfaceNames")) {
    if (name.is_string()) record.interface_names.emplace_back(name.as_string());
  }
  if (record.interface_names.size() != record.ports.size()) {
    return fail(Code::invalid, "the record of a QEMU names not as many interfaces as it has ports");
  }
  return record;
}

Result<> save(const InstancePaths& paths, const InstanceRecord& record) {
  const auto directory = paths.record_directory(record.pod_uid);
  if (auto made = make_directory(directory, 0700); !made) return made;
  return write_file(directory / "record.json", json::write_pretty(to_json(record)), 0600);
}

namespace {

constexpr std::size_t most_ended = 100;

void keep_run_states(const InstancePaths& paths, const InstanceRecord& record) {
  namespace fs = std::filesystem;
  if (!make_directory(paths.ended(), 0700)) return;
  std::error_code ignored;
  const auto kept = paths.ended() / (record.vmi.ns + "_" + record.vmi.name + "-" + record.pod_uid + ".log");
  fs::rename(qemu::MachinePaths::in(paths.machine(record.pod_uid)).run_states, kept, ignored);
  std::vector<std::pair<fs::file_time_type, fs::path>> all;
  for (const auto& entry : fs::directory_iterator{paths.ended(), ignored}) {
    all.emplace_back(entry.last_write_time(ignored), entry.path());
  }
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i + most_ended < all.size(); ++i) fs::remove(all[i].second, ignored);
}

}  // namespace

void forget(const InstancePaths& paths, const InstanceRecord& record) {
  std::error_code ignored;
  keep_run_states(paths, record);
  std::filesystem::remove_all(paths.machine(record.pod_uid), ignored);
  std::filesystem::remove_all(paths.streams(record.pod_uid), ignored);
  std::filesystem::remove_all(paths.record_directory(record.pod_uid), ignored);
}

std::vector<InstanceRecord> load_records(const InstancePaths& paths) {
  std::vector<InstanceRecord> records;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator{paths.records(), ignored}) {
    const auto text = read_file(entry.path() / "record.json");
    if (!text) continue;
    const auto value = json::parse(*text);
    auto record = value ? instance_record_of(*value) : Result<InstanceRecord>{fail(value.error())};
    if (record) {
      records.push_back(std::move(*record));
    } else {
      Log{"guests"}.error("{}: {}", entry.path().string(), record.error().message);
    }
  }
  return records;
}

}  // namespace godwit::node
