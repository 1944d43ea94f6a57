#include "apiserver/server_names.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <unistd.h>

#include <memory>

namespace godwit::apiserver {

bool is_ip(const std::string& text) {
  in6_addr any{};
  return ::inet_pton(AF_INET, text.c_str(), &any) == 1 || ::inet_pton(AF_INET6, text.c_str(), &any) == 1;
}

bool means_all(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

/// The addresses of this host's interfaces that are up, and its name.
std::vector<std::string> names_of_this_host() {
  std::vector<std::string> names;
  char host[256]{};
  if (::gethostname(host, sizeof host - 1) == 0 && host[0] != 0) names.emplace_back(host);
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) return names;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list{raw, ::freeifaddrs};
  for (const ifaddrs* entry = raw; entry != nullptr; entry = entry->ifa_next) {
    const int family = entry->ifa_addr == nullptr ? AF_UNSPEC : entry->ifa_addr->sa_family;
    if ((family != AF_INET && family != AF_INET6) || (entry->ifa_flags & IFF_UP) == 0) continue;
    const auto size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    char text[NI_MAXHOST]{};
    if (::getnameinfo(entry->ifa_addr, static_cast<socklen_t>(size), text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
        0) {
      const std::string address{text};
      names.push_back(address.substr(0, address.find('%')));  // without the zone of a link-local one
    }
  }
  return names;
}

}  // namespace godwit::apiserver
