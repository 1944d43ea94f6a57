#include "node/guest_devices.hpp"

#include <gtest/gtest.h>

#include "json/yaml.hpp"
#include "node/guest_cpu.hpp"
#include "node/guest_plan.hpp"

namespace godwit::node {
namespace {

json::Value vmi(const std::string& domain) {
  json::Value made = json::Object{{"metadata", json::Object{{"name", "v"}, {"namespace", "n"}, {"uid", "u1-2"}}}};
  json::set(made, "/spec/domain", json::parse_yaml(domain).value());
  return made;
}

HostCpu software() { return {.host_model = "Westmere", .cpu_features = {"aes", "avx2"}}; }
HostCpu hardware() { return {.accelerator = qemu::Accelerator::kvm, .host_model = "EPYC", .cpu_features = {"svm"}}; }

TEST(CpuArgument, TakesTheModel) {
  EXPECT_EQ(cpu_argument(vmi("{}"), software()), "Westmere,enforce");
  EXPECT_EQ(cpu_argument(vmi("{cpu: {model: host-model}}"), hardware()), "EPYC,enforce");
  EXPECT_EQ(cpu_argument(vmi("{cpu: {model: host-passthrough}}"), software()), "max");
  EXPECT_EQ(cpu_argument(vmi("{cpu: {model: host-passthrough}}"), hardware()), "host");
  EXPECT_EQ(cpu_argument(vmi("{cpu: {model: Penryn}}"), hardware()), "Penryn,enforce");
}

TEST(CpuArgument, TakesFeaturesByTheirPolicy) {
  const auto features = vmi(
      "{cpu: {model: Penryn, features: [{name: aes}, {name: avx2, policy: optional}, {name: svm, policy: optional}, "
      "{name: vmx, policy: disable}, {name: x2apic, policy: forbid}]}}");
  EXPECT_EQ(cpu_argument(features, software()), "Penryn,+aes,+avx2,-vmx,-x2apic,enforce");
  // What is forced upon a guest can't be checked against the host.
  EXPECT_EQ(cpu_argument(vmi("{cpu: {model: Penryn, features: [{name: vmx, policy: force}]}}"), software()),
            "Penryn,+vmx");
}

TEST(CpuArgument, OnlyKvmHasEnlightenments) {
  const auto windows = vmi(
      "{features: {hyperv: {relaxed: {}, vapic: {enabled: false}, spinlocks: {spinlocks: 8191}, synic: {}, synictimer: "
      "{direct: {}}, vendorid: {vendorid: Godwit}}, kvm: {hidden: true}, pvspinlock: {enabled: false}}, clock: {timer: "
      "{hyperv: {}, kvm: {present: false}}}}");
  EXPECT_EQ(cpu_argument(windows, software()), "Westmere,enforce");
  EXPECT_EQ(cpu_argument(windows, hardware()),
            "EPYC,hv-relaxed=on,hv-synic=on,hv-stimer=on,hv-stimer-direct=on,hv-spinlocks=8191,hv-vendor-id=Godwit,"
            "hv-time=on,kvm=off,kvm-pv-unhalt=off,kvmclock=off,enforce");
}

TEST(PlanGuest, KeepsTheCpuThatTheGuestGotWhereItStarted) {
  auto moving = vmi("{cpu: {model: host-model}, memory: {guest: 1Gi}}");
  json::set(moving, "/metadata/annotations/godwit.io~1cpu", "Penryn,+aes,enforce");
  const auto plan = plan_guest(moving, {}, {}, software(), WallTime{});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->machine.cpu_model, "Penryn,+aes,enforce");
}

TEST(PlanGuest, BootsFromWhereTheSpecSays) {
  const auto indexes = [](const std::string& disk, const std::string& interface) {
    auto spec = vmi("{memory: {guest: 1Gi}}");
    json::set(spec, "/spec/domain/devices/disks",
              json::Array{json::parse_yaml("{name: d, disk: {}" + disk + "}").value()});
    json::set(
        spec, "/spec/domain/devices/interfaces",
        json::Array{
            json::parse_yaml("{name: n, masquerade: {}, macAddress: '02:00:00:00:00:01'" + interface + "}").value()});
    json::set(spec, "/metadata/annotations/godwit.io~1pod-network-ip", "198.19.0.2");
    const auto plan = plan_guest(spec, {{"d", {.path = "/d.img"}}}, {}, software(), WallTime{});
    EXPECT_TRUE(plan) << plan.error().message;
    return std::pair{plan->machine.disks.at(0).boot_index, plan->machine.nics.at(0).boot_index};
  };
  EXPECT_EQ(indexes("", ""), (std::pair{1, 0}));
  EXPECT_EQ(indexes("", ", bootOrder: 1"), (std::pair{0, 1}));
  EXPECT_EQ(indexes(", bootOrder: 2", ", bootOrder: 1"), (std::pair{2, 1}));
}

TEST(DevicesOf, AreKubevirtsUnlessTheSpecSaysOtherwise) {
  const auto usual = devices_of(vmi("{devices: {}}"));
  EXPECT_EQ(usual, (qemu::Devices{.video = "vga", .balloon = true}));
  const auto bare = devices_of(
      vmi("{devices: {autoattachGraphicsDevice: false, autoattachSerialConsole: false, autoattachMemBalloon: false, "
          "logSerialConsole: false, autoattachInputDevice: true}}"));
  EXPECT_EQ(bare, (qemu::Devices{.serial_console = false, .console_log = false}));
  const auto full = devices_of(
      vmi("{devices: {video: {type: virtio}, inputs: [{name: a, type: tablet}, {name: b, type: tablet, bus: virtio}], "
          "sound: {name: s}, watchdog: {name: w, i6300esb: {}}}}"));
  EXPECT_EQ(full.video, "virtio");
  EXPECT_EQ(full.tablets, (std::vector<std::string>{"usb", "virtio"}));
  EXPECT_EQ(full.sound, "ich9");
  EXPECT_EQ(full.watchdog, "reset");
  EXPECT_EQ(devices_of(vmi("{devices: {autoattachInputDevice: true}}")).tablets, std::vector<std::string>{"usb"});
}

TEST(ClockOf, StartsWhereTheSpecSays) {
  const WallTime now{std::chrono::seconds{1'000'000'000}};  // 2001-09-09T01:46:40Z
  EXPECT_EQ(clock_of(vmi("{}"), now), qemu::Clock{});
  EXPECT_EQ(clock_of(vmi("{clock: {utc: {offsetSeconds: 3600}}}"), now).base, "2001-09-09T02:46:40");
  const auto local = clock_of(vmi("{clock: {timezone: Europe/Vienna, timer: {rtc: {tickPolicy: delay, track: guest}, "
                                  "pit: {tickPolicy: discard}}}}"),
                              now);
  EXPECT_EQ(local.base, "localtime");
  EXPECT_EQ(local.timezone, "Europe/Vienna");
  EXPECT_FALSE(local.catch_up);
  EXPECT_TRUE(local.guest_time);
  EXPECT_EQ(local.pit_policy, "discard");
}

TEST(PlatformAndFirmware, AreTheSpecs) {
  const auto spec = vmi(
      "{features: {acpi: {enabled: false}, smm: {}}, clock: {timer: {hpet: {present: false}, pit: {present: false}}}, "
      "firmware: {serial: S1}, chassis: {manufacturer: M, asset: A}}");
  EXPECT_EQ(platform_of(spec), (qemu::Platform{.acpi = false, .smm = true, .hpet = false, .pit = false}));
  EXPECT_EQ(platform_of(vmi("{}")), qemu::Platform{});
  EXPECT_EQ(firmware_of(spec), (qemu::Firmware{.serial = "S1", .chassis = {.manufacturer = "M", .asset = "A"}}));
}

}  // namespace
}  // namespace godwit::node
