// Interfaces and networks of a guest: wrong values, and values that aren't built.
#include <algorithm>
#include <array>
#include <set>

#include "rules/addresses.hpp"
#include "rules/guest_checks.hpp"

namespace godwit::rules {
namespace {

constexpr std::size_t most_interfaces = 7;  // the PCI ledger's share

void check_model(Findings& f, const json::Value& interface, const std::string& here) {
  static const std::set<std::string> built{"virtio", "e1000", "e1000e", "rtl8139"};
  static const std::set<std::string> known{"igb", "ne2k_pci", "pcnet"};
  const auto model = json::string_at(interface, "/model", "virtio");
  if (built.contains(model)) return;
  f.unsupported(here + ".model",
                known.contains(model)
                    ? fmt::format("not built yet: interfaces of the model {}", model)
                    : fmt::format("interface {} uses model {} that is not supported.", f.at(here + ".name"), model));
}

std::set<std::int64_t> boot_orders_of_disks(const json::Value& spec) {
  std::set<std::int64_t> taken;
  for (const auto& disk : json::array_at(spec, "/domain/devices/disks")) {
    if (const auto order = json::int_at(disk, "/bootOrder"); order > 0) taken.insert(order);
  }
  return taken;
}

void check_boot_order(Findings& f, const json::Value& interface, const std::string& here,
                      std::set<std::int64_t>& taken) {
  if (json::find(interface, "/bootOrder") == nullptr) return;
  const auto order = json::int_at(interface, "/bootOrder");
  const auto path = here + ".bootOrder";
  if (order < 1) {
    f.invalid(path, fmt::format("{} must have a boot order > 0, if supplied", f.at(path)));
  } else if (!taken.insert(order).second) {
    f.invalid(path, fmt::format("Boot order for {} already set for a different device.", f.at(path)));
  }
}

void check_link(Findings& f, const json::Value& interface, const std::string& here) {
  const auto state = json::string_at(interface, "/state", "up");
  if (state == "up") return;
  const bool known = state == "down" || state == "absent";
  f.unsupported(here + ".state", known ? fmt::format("not built yet: {}.state {}", f.at(here), state)
                                       : fmt::format("logical {}.state value is unsupported: {}", f.at(here), state));
}

}  // namespace

void check_interfaces(Findings& f) {
  const auto interfaces = check_names(f, "/domain/devices/interfaces", "domain.devices.interfaces");
  const auto networks = check_names(f, "/networks", "networks");
  check_pairs(f, interfaces, "domain.devices.interfaces", networks, "networks");
  check_pairs(f, networks, "networks", interfaces, "interfaces");
  if (interfaces.size() > most_interfaces) {
    f.unsupported("domain.devices.interfaces", fmt::format("not built yet: more than {} interfaces", most_interfaces));
  }
  if (networks.size() > 1)
    f.invalid("networks[1]", "more than one interface is connected to a pod network in " + f.at("interfaces"));
  auto taken = boot_orders_of_disks(f.spec);
  const auto& list = json::array_at(f.spec, "/domain/devices/interfaces");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto here = fmt::format("domain.devices.interfaces[{}]", i);
    const bool masquerade = json::find(list[i], "/masquerade") != nullptr;
    const bool bridge = json::find(list[i], "/bridge") != nullptr;
    if (masquerade && bridge) f.invalid(here, fmt::format("{} has more than one binding", f.at(here)));
    if (!masquerade && !bridge) f.required(here, fmt::format("{} needs a binding: masquerade or bridge", f.at(here)));
    check_model(f, list[i], here);
    check_boot_order(f, list[i], here, taken);
    check_link(f, list[i], here);
    if (const auto index = json::int_at(list[i], "/acpiIndex"); index < 0 || index > 16383) {
      f.invalid(here + ".acpiIndex", fmt::format("{}.acpiIndex must be between 1 and 16383", f.at(here)));
    }
    const auto mac = json::string_at(list[i], "/macAddress");
    if (!mac.empty() && !is_mac(mac)) {
      f.invalid(here + ".macAddress",
                fmt::format("interface {} has malformed MAC address ({}).", f.at(here) + ".name", mac));
    }
  }
}

}  // namespace godwit::rules
