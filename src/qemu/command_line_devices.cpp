#include <fmt/format.h>

#include "qemu/command_line_parts.hpp"
#include "qemu/pci_ledger.hpp"

namespace godwit::qemu {
namespace {

void add_always(Arguments& out) {
  out.add("-object", json::Object{{"qom-type", "rng-builtin"}, {"id", "rng-source"}});
  out.add("-device", json::Object{{"driver", "virtio-rng-pci"},
                                  {"id", "rng0"},
                                  {"rng", "rng-source"},
                                  {"bus", "pcie.0"},
                                  {"addr", pci::address(pci::rng)},
                                  {"disable-legacy", "on"}});
  out.add("-device", json::Object{{"driver", "pvpanic"}, {"id", "panic0"}});
}

void add_graphics(Arguments& out, const MachineSpec& spec, const MachinePaths& paths) {
  if (spec.video.empty()) return;
  out.add("-vnc", "unix:" + escape_commas(paths.vnc));
  out.add("-device",
          json::Object{{"driver", "VGA"}, {"id", "video0"}, {"bus", "pcie.0"}, {"addr", pci::address(pci::video)}});
}

}  // namespace

void add_devices(Arguments& out, const MachineSpec& spec, const MachinePaths& paths) {
  add_always(out);
  add_graphics(out, spec, paths);
}

}  // namespace godwit::qemu
