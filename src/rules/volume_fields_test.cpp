#include <gtest/gtest.h>

#include <fmt/format.h>

#include "json/yaml.hpp"
#include "rules/guest_fields.hpp"
#include "rules/volumes.hpp"

namespace godwit::rules {
namespace {

struct Case {
  std::string disk;
  std::string volume;
  std::string field;  ///< "": it is right
  std::string message;
};

class VolumeFields : public ::testing::TestWithParam<Case> {};

TEST_P(VolumeFields, AreCheckedAsKubeVirtDoes) {
  const auto spec = json::parse_yaml(fmt::format(R"(
domain: {{memory: {{guest: 128Mi}}, devices: {{disks: [{{name: d, {}}}]}}}}
volumes: [{{name: d, {}}}]
)",
                                                 GetParam().disk, GetParam().volume));
  ASSERT_TRUE(spec) << spec.error().message;
  auto causes = unbuilt_fields(*spec, "spec");
  for (auto& cause : wrong_fields(*spec, "spec")) causes.push_back(std::move(cause));
  if (GetParam().field.empty()) {
    EXPECT_TRUE(causes.empty()) << causes.front().field << ": " << causes.front().message;
    return;
  }
  ASSERT_FALSE(causes.empty()) << "is accepted";
  EXPECT_EQ(causes.front().field, "spec." + GetParam().field);
  EXPECT_NE(causes.front().message.find(GetParam().message), std::string::npos) << causes.front().message;
}

constexpr auto disk = "disk: {bus: virtio}";
constexpr auto cdrom = "cdrom: {bus: sata}";
constexpr auto empty = "emptyDisk: {capacity: 1Gi}";

INSTANTIATE_TEST_SUITE_P(
    Right, VolumeFields,
    testing::Values(
        Case{disk, "containerDisk: {image: 'quay.io/containerdisks/fedora:40', imagePullPolicy: Never}", "", ""},
        Case{disk, empty, "", ""}, Case{"disk: {}", "ephemeral: {persistentVolumeClaim: {claimName: c}}", "", ""},
        Case{cdrom, "cloudInitNoCloud: {userData: '#cloud-config', networkDataBase64: Zm9v}", "", ""},
        Case{"cdrom: {}", "cloudInitConfigDrive: {secretRef: {name: s}}", "", ""},
        Case{cdrom, "configMap: {name: c, volumeLabel: L, optional: true}", "", ""},
        Case{disk, "secret: {secretName: s}", "", ""},
        Case{"cdrom: {bus: scsi, tray: closed, readonly: true}", "serviceAccount: {serviceAccountName: default}", "",
             ""},
        Case{disk, "hostDisk: {path: /d.img, type: DiskOrCreate, capacity: 1Gi, shared: true}", "", ""},
        Case{"disk: {bus: sata}, cache: writeback, io: threads, errorPolicy: report, bootOrder: 1", empty, "", ""},
        Case{"disk: {bus: scsi, readonly: true}, serial: A-1_b.+", empty, "", ""},
        Case{"dedicatedIOThread: true, io: native, cache: none, shareable: true, "
             "blockSize: {custom: {logical: 512, physical: 4096}}",
             empty, "", ""}));

INSTANTIATE_TEST_SUITE_P(
    WrongDisks, VolumeFields,
    testing::Values(
        Case{"disk: {}, cdrom: {}", empty, "domain.devices.disks[0]", "can only have a single target type defined"},
        Case{"disk: {bus: ide}", empty, "domain.devices.disks[0].disk.bus", "IDE bus is not supported"},
        Case{"disk: {bus: usb}", empty, "domain.devices.disks[0].disk.bus", "not built yet: disks on the bus usb"},
        Case{"disk: {bus: mfm}", empty, "domain.devices.disks[0].disk.bus",
             "spec.domain.devices.disks[0].disk.bus is set with an unrecognized bus mfm, must be one of: [virtio scsi "
             "sata usb]"},
        Case{"cdrom: {bus: virtio}", empty, "domain.devices.disks[0].cdrom.bus",
             "Bus type virtio is invalid for CD-ROM device"},
        Case{"cdrom: {tray: open}", empty, "domain.devices.disks[0].cdrom.tray", "not built yet"},
        Case{"cdrom: {readonly: false}", empty, "domain.devices.disks[0].cdrom.readonly", "not built yet"},
        Case{"disk: {bus: sata, readonly: true}", empty, "domain.devices.disks[0].disk.readonly", "not built yet"},
        Case{"bootOrder: 0", empty, "domain.devices.disks[0].bootOrder", "must have a boot order > 0, if supplied"},
        Case{"serial: 'a b'", empty, "domain.devices.disks[0].serial",
             "must be made up of the following characters [A-Za-z0-9_.+-]"},
        Case{"serial: aaaaaaaaaabbbbbbbbbbc", empty, "domain.devices.disks[0].serial",
             "less than or equal to 20 in length"},
        Case{"cache: sometimes", empty, "domain.devices.disks[0].cache", "has invalid value sometimes"},
        Case{"errorPolicy: panic", empty, "domain.devices.disks[0].errorPolicy", "has invalid value \"panic\""},
        Case{"io: fast", empty, "domain.devices.disks[0].io", "Supported modes are: native, threads, default."},
        Case{"io: native, cache: writeback", empty, "domain.devices.disks[0].io", "needs"},
        Case{"shareable: true, cache: writeback", empty, "domain.devices.disks[0].cache",
             "sharable disk requires cache = none"},
        Case{"disk: {bus: scsi}, dedicatedIOThread: true", empty, "domain.devices.disks[0].dedicatedIOThread",
             "not built yet"},
        Case{"blockSize: {custom: {logical: 4096, physical: 512}}", empty,
             "domain.devices.disks[0].blockSize.custom.logical",
             "Logical size 4096 must be the same or less than the physical size of 512"},
        Case{"blockSize: {custom: {logical: 513, physical: 1024}}", empty,
             "domain.devices.disks[0].blockSize.custom.logical", "is not a power of 2"},
        Case{"blockSize: {matchVolume: {enabled: true}}", empty, "domain.devices.disks[0].blockSize.matchVolume",
             "not built yet"},
        Case{"tag: t", empty, "domain.devices.disks[0].tag", "not built yet"}));

INSTANTIATE_TEST_SUITE_P(
    WrongVolumes, VolumeFields,
    testing::Values(
        Case{disk, "emptyDisk: {capacity: 1Gi}, configMap: {name: c}", "volumes[0]",
             "must have exactly one source type set"},
        Case{disk, "emptyDisk: {capacity: 1}", "", ""},
        Case{disk, "emptyDisk: {capacity: '1'}", "volumes[0].emptyDisk.capacity", "is no size"},
        Case{disk, "containerDisk: {image: x, path: /disk/x}", "volumes[0].containerDisk.path", "not built yet"},
        Case{disk, "containerDisk: {image: x, imagePullPolicy: Always}", "volumes[0].containerDisk.imagePullPolicy",
             "not built yet: pulling images"},
        Case{disk, "cloudInitNoCloud: {}", "volumes[0].cloudInitNoCloud",
             "must have at least one userdatasource or one networkdatasource set."},
        Case{disk, "cloudInitNoCloud: {userData: a, userDataBase64: Zm9v}", "volumes[0].cloudInitNoCloud",
             "must have only one userdatasource set."},
        Case{disk, "cloudInitConfigDrive: {userData: a, networkData: net, networkDataBase64: Zm9v}",
             "volumes[0].cloudInitConfigDrive", "must have only one networkdata source set."},
        Case{disk, "cloudInitNoCloud: {userDataBase64: '!'}", "volumes[0].cloudInitNoCloud.userDataBase64",
             "is not a valid base64 value."},
        Case{disk, "cloudInitNoCloud: {userData: '" + std::string(2049, 'x') + "'}", "volumes[0].cloudInitNoCloud",
             "userdata exceeds 2048 byte limit. Should use UserDataSecretRef for larger data."},
        Case{disk, "configMap: {name: ''}", "volumes[0].configMap.name",
             "spec.volumes[0].configMap.name is a required field"},
        Case{disk, "secret: {}", "volumes[0].secret.secretName", "is a required field"},
        Case{"disk: {bus: sata}", "secret: {secretName: s}", "domain.devices.disks[0].disk.bus", "use a cdrom"},
        Case{disk, "ephemeral: {}", "volumes[0].ephemeral", "is a required field"},
        Case{disk, "hostDisk: {path: '', type: Disk}", "volumes[0].hostDisk.path", "is required for hostDisk volume"},
        Case{disk, "hostDisk: {path: /x, type: File}", "volumes[0].hostDisk.type",
             "has invalid value 'File', allowed are 'Disk' or 'DiskOrCreate'"},
        Case{disk, "hostDisk: {path: /x, type: Disk, capacity: 1Gi}", "volumes[0].hostDisk.capacity",
             "is allowed to pass only with"},
        Case{disk, "hostDisk: {path: /x, type: DiskOrCreate}", "volumes[0].hostDisk.capacity", "is required"},
        Case{disk, "downwardAPI: {}", "volumes[0].downwardAPI", "not built yet: downwardAPI volumes"},
        Case{disk, "sysprep: {}", "volumes[0].sysprep", "not built yet: sysprep volumes"}));

TEST(Volumes, SayWhichClaimsAndContentsTheyHave) {
  const auto volume = [](const char* text) { return *json::parse_yaml(text); };
  EXPECT_EQ(claim_of(volume("persistentVolumeClaim: {claimName: a}")), "a");
  EXPECT_EQ(claim_of(volume("ephemeral: {persistentVolumeClaim: {claimName: b}}")), "b");
  EXPECT_EQ(claim_of(volume("emptyDisk: {capacity: 1Gi}")), "");
  EXPECT_TRUE(dies_with_instance(volume("emptyDisk: {capacity: 1Gi}")));
  EXPECT_FALSE(dies_with_instance(volume("secret: {secretName: s}")));
  EXPECT_TRUE(is_made_of_files(volume("secret: {secretName: s}")));
  EXPECT_FALSE(is_made_of_files(volume("hostDisk: {path: /x, type: Disk}")));
}

TEST(ImageCondition, IsWhatAWaitingContainerSays) {
  const auto pod = *json::parse_yaml(R"(
status: {containerStatuses: [{name: compute, state: {waiting: {reason: ContainerCreating}}},
                             {name: volumeroot, state: {waiting: {reason: ErrImagePull, message: m}}}]})");
  const auto condition = image_condition(pod);
  ASSERT_TRUE(condition);
  EXPECT_EQ(json::string_at(*condition, "/type"), "Synchronized");
  EXPECT_EQ(json::string_at(*condition, "/reason"), "ErrImagePull");
  EXPECT_EQ(json::string_at(*condition, "/message"), "m");
  EXPECT_FALSE(image_condition(*json::parse_yaml("status: {}")));
}

}  // namespace
}  // namespace godwit::rules
