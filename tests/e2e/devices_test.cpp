// A guest with all that a machine can have beside disks: UEFI, TPM, screen, watchdog, sound, tablets.
#include <fmt/format.h>

#include "cluster_fixture.hpp"
#include "qemu/qmp_session.hpp"

namespace godwit {
namespace {

using namespace kube::resources;

class DevicesTest : public GuestTest {
 protected:
  /// The firmware finds nothing to boot from: it is the guest.
  void start(const std::string& name) {
    name_ = name;
    const auto vm = json::parse(fmt::format(
        R"({{"metadata":{{"name":"{}"}},"spec":{{"runStrategy":"Always","template":{{"spec":{{
            "terminationGracePeriodSeconds":0,
            "domain":{{"memory":{{"guest":"128Mi"}},
              "cpu":{{"cores":2,"features":[{{"name":"aes"}},{{"name":"svm","policy":"optional"}}]}},
              "firmware":{{"serial":"S1","bootloader":{{"efi":{{"secureBoot":false,"persistent":true}}}}}},
              "clock":{{"utc":{{"offsetSeconds":3600}},"timer":{{"hpet":{{"present":false}}}}}},
              "devices":{{"tpm":{{"persistent":true}},"watchdog":{{"name":"w","i6300esb":{{"action":"reset"}}}},
                "sound":{{"name":"s"}},"video":{{"type":"virtio"}},
                "inputs":[{{"name":"t","type":"tablet","bus":"usb"}}],
                "interfaces":[{{"name":"default","masquerade":{{}},"model":"e1000e"}}]}}}},
            "networks":[{{"name":"default","pod":{{}}}}]}}}}}}}})",
        name));
    ASSERT_TRUE(vm);
    const auto created = client().create(virtual_machines, "default", *vm);
    ASSERT_TRUE(created) << created.error().message;
    ASSERT_TRUE(eventually([&] { return runs(); }));
  }
  [[nodiscard]] bool runs() const {
    const auto now = client().get(virtual_machine_instances, {.ns = "default", .name = name_});
    return now && json::string_at(*now, "/status/phase") == "Running";
  }
  [[nodiscard]] std::filesystem::path state() const {
    const auto claim =
        client().get(persistent_volume_claims, {.ns = "default", .name = "persistent-state-for-" + name_});
    EXPECT_TRUE(claim) << claim.error().message;
    return cluster().shared() / "volumes" / json::string_at(claim ? *claim : json::Value(), "/metadata/uid");
  }
};

TEST_F(DevicesTest, MovesWithAllItsDevicesAndKeepsItsState) {
  start("devices");
  const std::string before = node();
  const auto made = vmi();
  EXPECT_EQ(json::string_at(made, "/status/memory/guestAtBoot"), "128Mi");
  EXPECT_EQ(json::int_at(made, "/status/currentCPUTopology/cores"), 2);
  const std::string cpu = json::string_at(made, "/metadata/annotations/godwit.io~1cpu");
  EXPECT_NE(cpu.find(",+aes"), std::string::npos) << cpu;
  EXPECT_TRUE(std::filesystem::exists(state() / "uefi-variables.fd"));
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(state() / "tpm" / "tpm2-00.permall"); }));

  const auto migration = begin_migration();
  ASSERT_TRUE(migration) << migration.error().message;
  const auto end = wait_for_end(*migration);
  EXPECT_EQ(json::string_at(end, "/status/phase"), "Succeeded") << json::write(end);
  EXPECT_NE(node(), before);
  EXPECT_EQ(json::string_at(vmi(), "/metadata/annotations/godwit.io~1cpu"), cpu);

  // Stopped and started anew, it finds its variables and its TPM again.
  const auto uid = json::string_at(vmi(), "/metadata/uid");
  const auto tpm = read_file(state() / "tpm" / "tpm2-00.permall");
  ASSERT_TRUE(client().remove(virtual_machine_instances, {.ns = "default", .name = name_}));
  ASSERT_TRUE(eventually([&] { return runs() && json::string_at(vmi(), "/metadata/uid") != uid; }));
  const auto again = read_file(state() / "tpm" / "tpm2-00.permall");
  ASSERT_TRUE(tpm && again);
  EXPECT_EQ(tpm->size(), again->size());
}

}  // namespace
}  // namespace godwit
