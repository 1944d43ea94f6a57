#include "agent_port.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <map>
#include <thread>

#include "power.hpp"

namespace godwit::guest {
namespace {

constexpr const char* port_name = "org.qemu.guest_agent.0";
constexpr std::string_view commands[] = {"guest-sync",          "guest-ping",         "guest-info",
                                         "guest-get-osinfo",    "guest-get-users",    "guest-get-fsinfo",
                                         "guest-get-host-name", "guest-get-timezone", "guest-network-get-interfaces",
                                         "guest-shutdown"};

/// The text after `"key":`, up to what ends a plain value. Enough for what is asked here.
std::string value_of(std::string_view line, std::string_view key) {
  const auto at = line.find("\"" + std::string{key} + "\"");
  if (at == std::string_view::npos) return {};
  auto rest = line.substr(line.find(':', at) + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \""), rest.size()));
  return std::string{rest.substr(0, rest.find_first_of("\",}"))};
}

std::string returns(const std::string& value) { return "{\"return\": " + value + "}"; }

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

std::string info() {
  std::string list;
  for (const auto command : commands)
    list += (list.empty() ? "" : ", ") + ("{\"name\": " + quoted(std::string{command})) + ", \"enabled\": true}";
  return R"({"version": "godwit-tiny", "supported_commands": [)" + list + "]}";
}

std::string os() {
  utsname kernel{};
  ::uname(&kernel);
  return R"({"id": "godwit-tiny", "name": "Godwit tiny guest", "pretty-name": "Godwit tiny guest", "kernel-release": )" +
         quoted(kernel.release) + ", \"kernel-version\": " + quoted(kernel.version) +
         ", \"machine\": " + quoted(kernel.machine) + "}";
}

std::string host() {
  utsname kernel{};
  ::uname(&kernel);
  return "{\"host-name\": " + quoted(kernel.nodename) + "}";
}

std::string interfaces() {
  std::map<std::string, std::string> addresses;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "[]";
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    auto& list = addresses[one->ifa_name];
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text, sizeof text);
    list += (list.empty() ? "" : ", ") + (R"({"ip-address-type": "ipv4", "prefix": 0, "ip-address": )" + quoted(text)) +
            "}";
  }
  ::freeifaddrs(all);
  std::string text;
  for (const auto& [name, list] : addresses) {
    std::string mac;
    std::ifstream{"/sys/class/net/" + name + "/address"} >> mac;
    text += (text.empty() ? "" : ", ") + ("{\"name\": " + quoted(name)) + ", \"hardware-address\": " + quoted(mac) +
            ", \"ip-addresses\": [" + list + "]}";
  }
  return "[" + text + "]";
}

/// /dev/vportNpM of our channel; the guest has no udev to name it.
std::string find_port() {
  DIR* directory = ::opendir("/sys/class/virtio-ports");
  if (directory == nullptr) return {};
  std::string found;
  while (const dirent* entry = ::readdir(directory)) {
    std::string name;
    std::ifstream{std::string{"/sys/class/virtio-ports/"} + entry->d_name + "/name"} >> name;
    if (name == port_name) found = std::string{"/dev/"} + entry->d_name;
  }
  ::closedir(directory);
  return found;
}

void serve(int fd) {
  std::string pending;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0) return;
    if (n == 0) {  // nobody is at the other end
      std::this_thread::sleep_for(std::chrono::milliseconds{200});
      continue;
    }
    pending.append(buffer, static_cast<std::size_t>(n));
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      const std::string reply = answer_agent_command(std::string_view{pending}.substr(0, end));
      pending.erase(0, end + 1);
      if (!reply.empty() && ::write(fd, (reply + "\n").data(), reply.size() + 1) < 0) return;
    }
  }
}

}  // namespace

std::string answer_agent_command(std::string_view line) {
  const std::string command = value_of(line, "execute");
  if (command == "guest-sync") return returns(value_of(line, "id"));
  if (command == "guest-ping") return returns("{}");
  if (command == "guest-info") return returns(info());
  if (command == "guest-get-osinfo") return returns(os());
  if (command == "guest-get-host-name") return returns(host());
  if (command == "guest-get-timezone") return returns(R"({"zone": "UTC", "offset": 0})");
  if (command == "guest-get-users" || command == "guest-get-fsinfo") return returns("[]");
  if (command == "guest-network-get-interfaces") return returns(interfaces());
  if (command == "guest-shutdown") {
    power(value_of(line, "mode") == "reboot" ? "reboot" : "off");
    return {};
  }
  return R"({"error": {"class": "CommandNotFound", "desc": "The command has not been found"}})";
}

void serve_agent_port() {
  for (;;) {
    if (const std::string path = find_port(); !path.empty()) {
      if (const int fd = ::open(path.c_str(), O_RDWR); fd >= 0) {
        serve(fd);
        ::close(fd);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
  }
}

}  // namespace godwit::guest
