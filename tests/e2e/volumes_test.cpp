// Every kind of volume as the guest sees it, before and after it has moved.
#include <signal.h>

#include <fmt/format.h>

#include "e2e/cluster_fixture.hpp"
#include "json/yaml.hpp"

namespace godwit {
namespace {

using namespace kube::resources;

constexpr const char* ns = "default";

class VolumeTest : public GuestTest {
 protected:
  void TearDown() override {
    GuestTest::TearDown();
    EXPECT_TRUE(eventually([&] { return instances().empty(); })) << instances().front() << " is left";
  }

  /// A VM with these disks and volumes (YAML lists); the guest isn't waited for.
  void create_vm(const std::string& name, const std::string& disks, const std::string& volumes) {
    name_ = name;
    const auto vm = json::parse_yaml(fmt::format(R"(
metadata: {{name: {}}}
spec:
  runStrategy: Always
  template:
    spec:
      terminationGracePeriodSeconds: 5
      domain:
        memory: {{guest: 128Mi}}
        devices:
          disks: {}
          interfaces: [{{name: default, masquerade: {{}}}}]
      networks: [{{name: default, pod: {{}}}}]
      volumes: {}
)",
                                                 name, disks, volumes));
    ASSERT_TRUE(vm) << vm.error().message;
    const auto created = client().create(virtual_machines, ns, *vm);
    ASSERT_TRUE(created) << created.error().message;
  }

  void wait_for_guest() {
    ASSERT_TRUE(eventually([&] {
      address_ = json::string_at(vmi(), "/status/interfaces/0/ipAddress");
      return json::string_at(vmi(), "/status/phase") == "Running" && !address_.empty();
    })) << json::write_pretty(vmi());
    const auto answers = trial::wait_for_guest(address_, Deadline::after(std::chrono::seconds{90}));
    ASSERT_TRUE(answers) << answers.error().message;
    run_ = tell("heartbeat")["run"];
  }

  void create(const kube::Resource& resource, const std::string& text) {
    const auto made = client().create(resource, ns, *json::parse_yaml(text));
    ASSERT_TRUE(made || made.error().code == Code::already_exists) << made.error().message;
  }

  [[nodiscard]] std::string migrate() const {
    const auto migration = begin_migration();
    if (!migration) return migration.error().message;
    const auto ended = wait_for_end(*migration);
    return json::string_at(ended, "/status/phase") + json::string_at(ended, "/status/migrationState/failureReason");
  }

  /// Directories of guests' lives in the shared directory.
  [[nodiscard]] std::vector<std::string> instances() const {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator{cluster().shared() / "instances", ignored}) {
      names.push_back(entry.path().string());
    }
    return names;
  }

  [[nodiscard]] bool has_event(const std::string& reason, const std::string& text) const {
    const auto list = client().list(kube::resources::events, ns);
    return list && std::any_of(list->items.begin(), list->items.end(), [&](const json::Value& event) {
             return json::string_at(event, "/reason") == reason &&
                    json::string_at(event, "/message").find(text) != std::string::npos;
           });
  }
};

TEST_F(VolumeTest, AllKindsAreSeenAndMoveAlong) {
  create(config_maps, "{metadata: {name: settings}, data: {colour: 'green and blue'}}");
  create(secrets, "{metadata: {name: hidden}, stringData: {password: swordfish, userdata: '#cloud-config'}}");
  create(persistent_volume_claims,
         "{metadata: {name: volumes}, spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 4Mi}}}}");
  create_vm("volumes",
            R"([{name: root, bootOrder: 1, disk: {bus: virtio}}, {name: scratch, disk: {bus: virtio}},
                {name: seed, cdrom: {bus: scsi}}, {name: drive, disk: {bus: virtio}}, {name: settings, disk: {bus: scsi}},
                {name: hidden, cdrom: {bus: scsi}}, {name: sata, disk: {bus: sata}}, {name: golden, disk: {bus: virtio}}])",
            R"([{name: root, containerDisk: {image: 'registry.example:5000/godwit/tiny:latest'}},
                {name: scratch, emptyDisk: {capacity: 16Mi}},
                {name: seed, cloudInitNoCloud: {userData: "#cloud-config\nhostname: x", networkData: 'version: 2'}},
                {name: drive, cloudInitConfigDrive: {secretRef: {name: hidden}}},
                {name: settings, configMap: {name: settings, volumeLabel: settings}},
                {name: hidden, secret: {secretName: hidden, volumeLabel: secrets}},
                {name: sata, emptyDisk: {capacity: 8Mi}},
                {name: golden, ephemeral: {persistentVolumeClaim: {claimName: volumes}}}])");
  wait_for_guest();
  auto disks = tell("block list");
  EXPECT_EQ(disks["vda"], "67108864");
  EXPECT_EQ(disks["vdb"], "16777216");
  EXPECT_EQ(disks["vdd"], "4194304");
  (void)tell("block write vdb written-before-it-moved");
  (void)tell("block write vdd over-the-claim");
  (void)tell("disk start 20");
  std::map<std::string, std::string> sums;
  const std::vector<std::pair<std::string, std::string>> files{
      {"cidata user-data", "#cloud-config"},
      {"cidata network-config", "version:_2"},
      {"cidata meta-data", "instance-id"},
      {"config-2 openstack/latest/user_data", "#cloud-config"},
      {"settings colour", "green_and_blue"},
      {"secrets password", "swordfish"},
      {"config-2 openstack/latest/meta_data.json", "volumes.default"}};
  for (const auto& [file, content] : files) {
    auto answer = tell("block file " + file);
    EXPECT_NE(answer["line"].find(content), std::string::npos) << file << ": " << answer["line"];
    sums[file] = answer["sum"];
  }
  ASSERT_TRUE(eventually([&] {
    const auto now = vmi();
    for (const auto& condition : json::array_at(now, "/status/conditions")) {
      if (json::string_at(condition, "/type") == "LiveMigratable") {
        return json::string_at(condition, "/status") == "True";
      }
    }
    return false;
  })) << json::write_pretty(vmi());
  const std::string home = node();
  EXPECT_EQ(migrate(), "Succeeded");
  EXPECT_NE(node(), home);
  EXPECT_EQ(tell("block read vdb")["text"], "written-before-it-moved");
  EXPECT_EQ(tell("block read vdd")["text"], "over-the-claim");
  const auto claim = client().get(persistent_volume_claims, {.ns = ns, .name = name_});
  const auto golden = cluster().shared() / "volumes" / json::string_at(*claim, "/metadata/uid") / "disk.img";
  EXPECT_TRUE(*read_file(golden) == std::string(4 << 20, '\0')) << "the claim was written to";
  for (const auto& [file, content] : files) EXPECT_EQ(tell("block file " + file)["sum"], sums[file]) << file;
  EXPECT_EQ(tell("disk stop")["errors"], "0");
  EXPECT_EQ(tell("heartbeat")["run"], run_);
  EXPECT_EQ(instances().size(), 1U);
}

TEST_F(VolumeTest, ADiskOfItsNodeAloneStaysThere) {
  create_vm("stays", "[{name: root, disk: {bus: virtio}}, {name: local, disk: {bus: virtio}}]",
            fmt::format("[{{name: root, containerDisk: {{image: godwit/tiny}}}}, "
                        "{{name: local, hostDisk: {{path: {}/made/local.img, type: DiskOrCreate, capacity: 4Mi}}}}]",
                        cluster().directory.string()));
  ASSERT_TRUE(eventually([&] { return json::string_at(vmi(), "/status/phase") == "Running"; }));
  EXPECT_EQ(std::filesystem::file_size(cluster().directory / "made/local.img"), 4U << 20);
  std::string refusal;
  EXPECT_TRUE(eventually([&] {
    const auto migration = begin_migration();
    refusal = migration ? "accepted" : migration.error().message;
    return !migration;
  }));
  EXPECT_NE(refusal.find("Reason: DisksNotLiveMigratable, Message: cannot migrate VMI with non-shared HostDisk"),
            std::string::npos)
      << refusal;
}

TEST_F(VolumeTest, WhatIsMissingIsNamedAndComesLater) {
  create_vm("waits", "[{name: root, disk: {bus: virtio}}, {name: later, cdrom: {bus: scsi}}]",
            "[{name: root, containerDisk: {image: godwit/other}}, {name: later, configMap: {name: later}}]");
  EXPECT_TRUE(eventually([&] { return has_event("Failed", "Failed to pull image \"godwit/other\""); }));
  EXPECT_TRUE(eventually([&] {
    const auto vm = client().get(virtual_machines, {.ns = ns, .name = name_});
    return vm && json::string_at(*vm, "/status/printableStatus") == "ErrImagePull";
  }));
  const auto image = cluster().shared() / "images" / "godwit" / "other";
  ASSERT_TRUE(make_directory(image));
  std::filesystem::create_hard_link(cluster().shared() / "images/godwit/tiny/disk.img", image / "disk.img");
  EXPECT_TRUE(eventually([&] { return has_event("FailedMount", "configmap \"later\" not found"); }));
  EXPECT_TRUE(instances().empty()) << "something was made before all was there";
  create(config_maps, "{metadata: {name: later}, data: {word: here}}");
  wait_for_guest();
  EXPECT_EQ(tell("block file cfgdata word")["line"], "here");
  // The shared disks of a guest whose agent and QEMU end together are removed all the same.
  const std::string home = node();
  const auto left = instances();
  ASSERT_EQ(left.size(), 1U);
  const std::string agent = read_file(cluster().directory / "pids" / home).value_or("");
  const int qemu = qemu_on(home);
  ::kill(std::stoi(agent), SIGKILL);
  ::kill(qemu, SIGKILL);
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(left.front()); }));
  std::filesystem::remove_all(image);
}

}  // namespace
}  // namespace godwit
