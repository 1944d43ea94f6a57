#include <fmt/format.h>

#include "qemu/command_line_parts.hpp"
#include "qemu/pci_ledger.hpp"

namespace godwit::qemu {
namespace {

/// A device on the root bus, at its address in the ledger.
json::Object on_pci(std::string_view driver, std::string_view id, std::size_t slot) {
  return {{"driver", driver}, {"id", id}, {"bus", "pcie.0"}, {"addr", pci::address(slot)}};
}

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

/// Where the guest's agent (qemu-ga) speaks, when it has one.
void add_agent_channel(Arguments& out, const MachinePaths& paths) {
  out.add("-chardev", socket_chardev("agent", paths.agent));
  out.add("-device", json::Object{{"driver", "virtio-serial-pci"},
                                  {"id", "channels"},
                                  {"bus", "pcie.0"},
                                  {"addr", pci::address(pci::channels)},
                                  {"disable-legacy", "on"}});
  out.add("-device", json::Object{{"driver", "virtserialport"},
                                  {"id", "agent0"},
                                  {"bus", "channels.0"},
                                  {"nr", 1},
                                  {"chardev", "agent"},
                                  {"name", "org.qemu.guest_agent.0"}});
}

std::string_view driver_of(std::string_view video) {
  if (video == "virtio") return "virtio-vga";
  if (video == "bochs") return "bochs-display";
  if (video == "cirrus") return "cirrus-vga";
  return "VGA";
}

void add_screen(Arguments& out, const Devices& devices, const MachinePaths& paths) {
  if (devices.video.empty()) return;
  out.add("-vnc", "unix:" + escape_commas(paths.vnc));
  out.add("-device", on_pci(driver_of(devices.video), "video0", pci::video));
}

void add_tablets(Arguments& out, const std::vector<std::string>& buses) {
  int port = 0;
  for (const std::string& bus : buses) {
    if (bus == "virtio") {
      json::Object tablet = on_pci("virtio-tablet-pci", "tablet-virtio", pci::tablet);
      tablet["disable-legacy"] = "on";
      out.add("-device", tablet);
      continue;
    }
    if (port == 0) out.add("-device", on_pci("qemu-xhci", "usb", pci::usb));
    ++port;
    out.add("-device", json::Object{{"driver", "usb-tablet"},
                                    {"id", fmt::format("tablet-usb{}", port)},
                                    {"bus", "usb.0"},
                                    {"port", std::to_string(port)}});
  }
}

/// Nobody hears it: what matters is that the guest finds its card.
void add_sound(Arguments& out, std::string_view model) {
  if (model.empty()) return;
  out.add("-audiodev", json::Object{{"driver", "none"}, {"id", "audio"}});
  if (model == "ac97") {
    json::Object card = on_pci("AC97", "sound0", pci::sound);
    card["audiodev"] = "audio";
    out.add("-device", card);
    return;
  }
  out.add("-device", on_pci("ich9-intel-hda", "sound0", pci::sound));
  out.add("-device",
          json::Object{{"driver", "hda-duplex"}, {"id", "sound0-codec"}, {"bus", "sound0.0"}, {"audiodev", "audio"}});
}

void add_tpm(Arguments& out, const MachinePaths& paths) {
  out.add("-chardev", fmt::format("socket,id=tpm,path={}", escape_commas(paths.tpm)));
  out.add("-tpmdev", "emulator,id=tpm0,chardev=tpm");
  out.add("-device", json::Object{{"driver", "tpm-crb"}, {"id", "tpm-crb0"}, {"tpmdev", "tpm0"}});
}

}  // namespace

void add_devices(Arguments& out, const MachineSpec& spec, const MachinePaths& paths) {
  const Devices& devices = spec.devices;
  add_always(out);
  add_agent_channel(out, paths);
  add_screen(out, devices, paths);
  if (devices.balloon) {
    json::Object balloon = on_pci("virtio-balloon-pci", "balloon0", pci::balloon);
    balloon["disable-legacy"] = "on";
    out.add("-device", balloon);
  }
  add_tablets(out, devices.tablets);
  add_sound(out, devices.sound);
  if (!devices.watchdog.empty()) {
    out.add("-device", on_pci("i6300esb", "watchdog0", pci::watchdog));
    out.add("-action", "watchdog=" + devices.watchdog);
  }
  if (!devices.tpm_state.empty()) add_tpm(out, paths);
}

}  // namespace godwit::qemu
