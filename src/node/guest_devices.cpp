#include "node/guest_devices.hpp"

namespace godwit::node {
namespace {

bool is_set(const json::Value& vmi, const std::string& pointer) {
  const auto* value = json::find(vmi, pointer);
  return value != nullptr && !value->is_null();
}

}  // namespace

qemu::Platform platform_of(const json::Value& vmi) {
  qemu::Platform platform;
  platform.acpi = json::bool_at(vmi, "/spec/domain/features/acpi/enabled", true);
  platform.smm =
      is_set(vmi, "/spec/domain/features/smm") && json::bool_at(vmi, "/spec/domain/features/smm/enabled", true);
  platform.hpet = json::bool_at(vmi, "/spec/domain/clock/timer/hpet/present", true);
  platform.pit = json::bool_at(vmi, "/spec/domain/clock/timer/pit/present", true);
  return platform;
}

qemu::Clock clock_of(const json::Value& vmi, WallTime now) {
  qemu::Clock clock;
  clock.timezone = json::string_at(vmi, "/spec/domain/clock/timezone");
  if (!clock.timezone.empty()) clock.base = "localtime";
  if (const auto offset = json::int_at(vmi, "/spec/domain/clock/utc/offsetSeconds"); offset != 0) {
    clock.base = format_time(now + std::chrono::seconds{offset}).substr(0, 19);
  }
  clock.catch_up = json::string_at(vmi, "/spec/domain/clock/timer/rtc/tickPolicy", "catchup") == "catchup";
  clock.guest_time = json::string_at(vmi, "/spec/domain/clock/timer/rtc/track") == "guest";
  clock.pit_policy = json::string_at(vmi, "/spec/domain/clock/timer/pit/tickPolicy");
  return clock;
}

qemu::Firmware firmware_of(const json::Value& vmi) {
  const auto chassis = [&](std::string_view field) {
    return json::string_at(vmi, "/spec/domain/chassis/" + std::string{field});
  };
  return {.serial = json::string_at(vmi, "/spec/domain/firmware/serial"),
          .chassis = {.manufacturer = chassis("manufacturer"),
                      .version = chassis("version"),
                      .serial = chassis("serial"),
                      .asset = chassis("asset"),
                      .sku = chassis("sku")},
          .uefi = {}};
}

qemu::Devices devices_of(const json::Value& vmi) {
  const std::string root = "/spec/domain/devices/";
  qemu::Devices devices;
  if (json::bool_at(vmi, root + "autoattachGraphicsDevice", true)) {
    devices.video = json::string_at(vmi, root + "video/type", "vga");
  }
  devices.serial_console = json::bool_at(vmi, root + "autoattachSerialConsole", true);
  devices.console_log = json::bool_at(vmi, root + "logSerialConsole", true);
  devices.balloon = json::bool_at(vmi, root + "autoattachMemBalloon", true);
  for (const json::Value& input : json::array_at(vmi, root + "inputs")) {
    devices.tablets.push_back(json::string_at(input, "/bus", "usb"));
  }
  if (devices.tablets.empty() && !devices.video.empty() && json::bool_at(vmi, root + "autoattachInputDevice")) {
    devices.tablets.emplace_back("usb");
  }
  if (is_set(vmi, root + "sound")) devices.sound = json::string_at(vmi, root + "sound/model", "ich9");
  if (is_set(vmi, root + "watchdog")) {
    devices.watchdog = json::string_at(vmi, root + "watchdog/i6300esb/action", "reset");
  }
  return devices;
}

}  // namespace godwit::node
