// Devices of a guest beside disks and interfaces: wrong values, and values that aren't built.
#include <algorithm>
#include <array>

#include "rules/guest_checks.hpp"

namespace godwit::rules {
namespace {

template <std::size_t n>
bool among(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void check_watchdog(Findings& f) {
  static constexpr std::array<std::string_view, 4> actions{"", "poweroff", "reset", "shutdown"};
  const auto* watchdog = json::find(f.spec, "/domain/devices/watchdog");
  if (watchdog == nullptr || watchdog->is_null()) return;
  const auto* path = "domain.devices.watchdog";
  if (json::string_at(*watchdog, "/name").empty()) {
    f.required(fmt::format("{}.name", path), fmt::format("{} must have a name", f.at(path)));
  }
  const auto action = json::string_at(*watchdog, "/i6300esb/action");
  if (!among(actions, action)) {
    const auto here = fmt::format("{}.i6300esb.action", path);
    f.invalid(here, fmt::format("{} must be poweroff, reset or shutdown", f.at(here)));
  }
  if (json::find(*watchdog, "/i6300esb") == nullptr && json::find(*watchdog, "/diag288") == nullptr) {
    f.required(fmt::format("{}.i6300esb", path), fmt::format("{} must have a model: i6300esb", f.at(path)));
  }
}

void check_inputs(Findings& f) {
  static constexpr std::array<std::string_view, 3> buses{"", "usb", "virtio"};
  constexpr std::size_t most_on_usb = 4;
  const auto& inputs = json::array_at(f.spec, "/domain/devices/inputs");
  std::size_t on_virtio = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto here = fmt::format("domain.devices.inputs[{}]", i);
    const auto bus = json::string_at(inputs[i], "/bus");
    if (!among(buses, bus)) f.invalid(here + ".bus", "Input device can have only virtio or usb bus.");
    if (json::string_at(inputs[i], "/type") != "tablet") {
      f.invalid(here + ".type", "Input device can have only tablet type.");
    }
    if (bus == "virtio" && ++on_virtio > 1) {
      f.unsupported(here + ".bus", fmt::format("not built yet: {}: a second tablet on virtio", f.at(here)));
    }
  }
  if (inputs.size() - on_virtio > most_on_usb) {
    f.unsupported("domain.devices.inputs", fmt::format("not built yet: {} with more than {} on usb",
                                                       f.at("domain.devices.inputs"), most_on_usb));
  }
}

void check_sound(Findings& f) {
  static constexpr std::array<std::string_view, 3> models{"", "ich9", "ac97"};
  const auto* sound = json::find(f.spec, "/domain/devices/sound");
  if (sound == nullptr || sound->is_null()) return;
  if (!among(models, json::string_at(*sound, "/model"))) {
    f.invalid("domain.devices.sound", "Sound device type is not supported. Options: 'ich9' or 'ac97'");
  }
  if (json::string_at(*sound, "/name").empty()) {
    f.required("domain.devices.sound", "Sound device requires a name field.");
  }
}

void check_screen(Findings& f) {
  static constexpr std::array<std::string_view, 5> types{"", "vga", "virtio", "bochs", "cirrus"};
  const auto type = json::string_at(f.spec, "/domain/devices/video/type");
  if (!among(types, type)) {
    f.unsupported("domain.devices.video.type",
                  fmt::format("not built yet: {} {}", f.at("domain.devices.video.type"), type));
  }
  if (!type.empty() && !json::bool_at(f.spec, "/domain/devices/autoattachGraphicsDevice", true)) {
    f.invalid("domain.devices.video", fmt::format("{} is set, but {} is false", f.at("domain.devices.video"),
                                                  f.at("domain.devices.autoattachGraphicsDevice")));
  }
}

/// Every guest has an ISA pvpanic device, asked for or not.
void check_panic(Findings& f) {
  const auto& devices = json::array_at(f.spec, "/domain/devices/panicDevices");
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const auto model = json::string_at(devices[i], "/model", "isa");
    const auto here = fmt::format("domain.devices.panicDevices[{}].model", i);
    if (model != "isa" || i > 0) f.unsupported(here, fmt::format("not built yet: {} {}", f.at(here), model));
  }
}

}  // namespace

void check_devices(Findings& f) {
  check_watchdog(f);
  check_inputs(f);
  check_sound(f);
  check_screen(f);
  check_panic(f);
}

}  // namespace godwit::rules
