// The files under api/ and the schema code must fit together.
#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "json/path.hpp"
#include "json/schema.hpp"
#include "json/yaml.hpp"

namespace godwit::json {
namespace {

/// api/ of this source tree. The compiler may have been given a relative file name, so the program's own place counts
/// too.
std::filesystem::path api_directory() {
  for (const auto& start : {std::filesystem::absolute(__FILE__), std::filesystem::read_symlink("/proc/self/exe")}) {
    for (auto at = start.parent_path(); at != at.root_path(); at = at.parent_path()) {
      if (std::filesystem::exists(at / "api" / "core" / "pod.yaml")) return at / "api";
    }
  }
  return {};
}

Value load(const std::filesystem::path& file) {
  const auto text = read_file(file);
  EXPECT_TRUE(text) << (text ? "" : text.error().message);
  const auto value = parse_yaml(text ? *text : "");
  EXPECT_TRUE(value) << file << ": " << (value ? "" : value.error().message);
  return value ? *value : Value();
}

Schema schema_of(const std::filesystem::path& file) {
  const auto kind = load(file);
  const auto* source = find(kind, "/spec/versions/0/schema/openAPIV3Schema");
  EXPECT_NE(source, nullptr) << file;
  auto schema = Schema::parse(source != nullptr ? *source : Value(Object{}));
  EXPECT_TRUE(schema) << file << ": " << (schema ? "" : schema.error().message);
  return *schema;
}

std::vector<std::filesystem::path> kind_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{api_directory()}) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

class KindFile : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(KindFile, IsACustomResourceDefinition) {
  const auto kind = load(GetParam());
  EXPECT_EQ(string_at(kind, "/apiVersion"), "apiextensions.k8s.io/v1");
  EXPECT_EQ(string_at(kind, "/kind"), "CustomResourceDefinition");
  const auto plural = string_at(kind, "/spec/names/plural");
  const auto group = string_at(kind, "/spec/group");
  EXPECT_EQ(string_at(kind, "/metadata/name"), group.empty() ? plural : plural + "." + group);
  EXPECT_EQ(string_at(kind, "/spec/names/listKind"), string_at(kind, "/spec/names/kind") + "List");
  for (const auto* name : {"/spec/names/singular", "/spec/scope", "/spec/versions/0/name"}) {
    EXPECT_FALSE(string_at(kind, name).empty()) << name;
  }
  EXPECT_TRUE(bool_at(kind, "/spec/versions/0/served"));
  const bool is_view = find(kind, "/spec/versions/0/x-godwit-view-of") != nullptr;
  EXPECT_NE(bool_at(kind, "/spec/versions/0/storage"), is_view);
  for (const auto& short_name : array_at(kind, "/spec/names/shortNames")) EXPECT_TRUE(short_name.is_string());
}

TEST_P(KindFile, HasASchemaThatIsUnderstood) {
  const auto schema = schema_of(GetParam());
  EXPECT_FALSE(string_at(schema.source(), "/description").empty());
}

TEST_P(KindFile, HasColumnsThatCanBeRead) {
  const auto kind = load(GetParam());
  for (const auto& column : array_at(kind, "/spec/versions/0/additionalPrinterColumns")) {
    const auto path = string_at(column, "/jsonPath");
    EXPECT_NE(path.empty(), string_at(column, "/x-godwit-computed").empty()) << write(column);
    EXPECT_FALSE(string_at(column, "/name").empty() || string_at(column, "/type").empty()) << write(column);
    if (!path.empty()) EXPECT_TRUE(Path::parse(path)) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(Api, KindFile, testing::ValuesIn(kind_files()), [](const auto& file) {
  auto name = file.param.stem().string();
  std::ranges::replace(name, '-', '_');
  return name;
});

struct Sample {
  std::string_view file, text;
};

class CoreObject : public testing::TestWithParam<Sample> {};

TEST_P(CoreObject, IsTakenWhole) {
  const auto schema = schema_of(api_directory() / "core" / GetParam().file);
  auto value = parse_yaml(GetParam().text);
  ASSERT_TRUE(value) << value.error().message;
  schema.apply_defaults(*value);
  EXPECT_EQ(schema.unknown_fields(*value), std::vector<std::string>{});
  for (const auto& error : schema.validate(*value)) ADD_FAILURE() << error.field << ": " << error.message;
}

INSTANTIATE_TEST_SUITE_P(
    Api, CoreObject,
    testing::Values(
        Sample{"pod.yaml", R"({apiVersion: v1, kind: Pod, metadata: {name: a, creationTimestamp: null}, spec: {
            containers: [{name: c, image: i, resources: {requests: {memory: 1Gi, cpu: 1}}, securityContext: {}}],
            volumes: [{name: v, emptyDir: {}}], dnsPolicy: Default}, status: {}})"},
        Sample{"node.yaml",
               R"({apiVersion: v1, kind: Node, metadata: {name: node1, labels: {a: b}}, spec: {unschedulable: true},
            status: {addresses: [{type: InternalIP, address: 198.18.0.2}], capacity: {cpu: "4", memory: 8Gi},
            conditions: [{type: Ready, status: "True", lastHeartbeatTime: "2026-01-01T00:00:00Z"}],
            daemonEndpoints: {kubeletEndpoint: {Port: 10250}}}})"},
        Sample{"lease.yaml", R"({apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: node1},
            spec: {holderIdentity: node1, leaseDurationSeconds: 10, renewTime: "2026-01-01T00:00:00.123456Z"}})"},
        Sample{"secret.yaml",
               R"({apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: YQ==}, stringData: {b: c}})"},
        Sample{"event.yaml", R"({apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {kind: Pod, name: p},
            reason: Scheduled, message: text, count: 1, type: Normal, source: {component: x}, eventTime: null})"},
        Sample{"persistentvolume.yaml", R"({apiVersion: v1, kind: PersistentVolume, metadata: {name: p}, spec: {
            capacity: {storage: 1Gi}, accessModes: [ReadWriteMany], hostPath: {path: /x}, storageClassName: s}})"},
        Sample{"persistentvolumeclaim.yaml",
               R"({apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: p}, spec: {
            accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}})"},
        Sample{"storageclass.yaml", R"({apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: p},
            provisioner: godwit.io/shared, parameters: {path: /x}})"},
        Sample{"namespace.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: p}}"},
        Sample{"configmap.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: p}, data: {a: b}}"},
        Sample{"serviceaccount.yaml", "{apiVersion: v1, kind: ServiceAccount, metadata: {name: p}}"}),
    [](const auto& sample) { return std::string{sample.param.file.substr(0, sample.param.file.find('.'))}; });

constexpr std::string_view typical_vm = R"(
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: web
  creationTimestamp: null
spec:
  runStrategy: Always
  template:
    metadata:
      creationTimestamp: null
      labels: {app: web}
    spec:
      evictionStrategy: LiveMigrate
      domain:
        cpu: {cores: 2}
        memory: {guest: 1Gi}
        devices:
          rng: {}
          disks:
          - name: root
            bootOrder: 1
            disk: {bus: virtio}
          - name: seed
            cdrom: {bus: sata, readonly: true}
          interfaces:
          - name: default
            masquerade: {}
            ports: [{port: 80, protocol: TCP}]
        resources:
          requests: {memory: 1Gi, cpu: 1}
      nodeSelector: {zone: a}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: web}}
      networks:
      - name: default
        pod: {}
      volumes:
      - name: root
        persistentVolumeClaim: {claimName: web-root}
      - name: seed
        cloudInitNoCloud: {userData: "#cloud-config"}
)";

std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out{text};
  const auto at = out.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return out.replace(at, what.size(), with);
}

TEST(VirtualMachineKind, TakesATypicalMachineWhole) {
  const auto schema = schema_of(api_directory() / "virtualmachine.yaml");
  auto value = *parse_yaml(typical_vm);
  schema.apply_defaults(value);
  EXPECT_EQ(schema.unknown_fields(value), std::vector<std::string>{});
  for (const auto& error : schema.validate(value)) ADD_FAILURE() << error.field << ": " << error.message;
}

TEST(VirtualMachineKind, FindsTypos) {
  const auto schema = schema_of(api_directory() / "virtualmachine.yaml");
  const struct {
    std::string_view right, wrong, path;
  } cases[] = {
      {"runStrategy:", "runStratgy:", "spec.runStratgy"},
      {"masquerade: {}", "masqerade: {}", "spec.template.spec.domain.devices.interfaces[0].masqerade"},
      {"claimName:", "claim:", "spec.template.spec.volumes[0].persistentVolumeClaim.claim"},
      {"cores: 2", "cors: 2", "spec.template.spec.domain.cpu.cors"},
      {"disk: {bus: virtio}", "disk: {buss: virtio}", "spec.template.spec.domain.devices.disks[0].disk.buss"},
      {"topologyKey: kubernetes.io/hostname", "topologyKee: x",
       "spec.template.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKee"},
  };
  for (const auto& c : cases) {
    const auto value = parse_yaml(replaced(typical_vm, c.right, c.wrong));
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_EQ(schema.unknown_fields(*value), std::vector<std::string>{std::string{c.path}});
  }
}

TEST(VirtualMachineKind, FindsWrongValues) {
  const auto schema = schema_of(api_directory() / "virtualmachine.yaml");
  const struct {
    std::string_view right, wrong, field, reason;
  } cases[] = {
      {"cores: 2", "cores: two", "spec.template.spec.domain.cpu.cores", "FieldValueTypeInvalid"},
      {"guest: 1Gi", "guest: 1GiB", "spec.template.spec.domain.memory.guest", "FieldValueInvalid"},
      {"runStrategy: Always", "runStrategy: Sometimes", "spec.runStrategy", "FieldValueNotSupported"},
      {"claimName: web-root", "readOnly: true", "spec.template.spec.volumes[0].persistentVolumeClaim.claimName",
       "FieldValueRequired"},
      {"labels: {app: web}", "labels: {app: 1}", "spec.template.metadata.labels.app", "FieldValueTypeInvalid"},
  };
  for (const auto& c : cases) {
    const auto value = parse_yaml(replaced(typical_vm, c.right, c.wrong));
    ASSERT_TRUE(value) << value.error().message;
    const auto errors = schema.validate(*value);
    ASSERT_EQ(errors.size(), 1U) << c.wrong;
    EXPECT_EQ(errors[0].field, c.field);
    EXPECT_EQ(errors[0].reason, c.reason) << errors[0].message;
  }
}

TEST(VirtualMachineKind, HasTheInstancesSpecInItsTemplate) {
  const auto machine = schema_of(api_directory() / "virtualmachine.yaml");
  const auto instance = schema_of(api_directory() / "virtualmachineinstance.yaml");
  const auto* in_template = machine.member("spec")->member("template")->member("spec");
  ASSERT_NE(in_template, nullptr);
  EXPECT_TRUE(equal(in_template->source(), instance.member("spec")->source()));
}

TEST(InstanceKind, HasNoStatusSubresourceAndKnowsTheOwner) {
  const auto file = api_directory() / "virtualmachineinstance.yaml";
  EXPECT_EQ(find(load(file), "/spec/versions/0/subresources"), nullptr);
  const auto value = parse_yaml(R"({apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: a},
      spec: {domain: {devices: {}}}, status: {nodeName: "", phase: Pending, activePods: {u: host1},
      handover: {epoch: 0, migrationUID: "", startedEpoch: 0}, migrationState: {migrationUid: u,
      migrationConfiguration: {bandwidthPerMigration: 64Mi}, targetDirectMigrationNodePorts: {"4000": 49152}}}})");
  const auto schema = schema_of(file);
  EXPECT_EQ(schema.unknown_fields(*value), std::vector<std::string>{});
  for (const auto& error : schema.validate(*value)) ADD_FAILURE() << error.field << ": " << error.message;
}

TEST(MigrationKind, HasProgressAndResult) {
  const auto value = parse_yaml(R"({apiVersion: kubevirt.io/v1, kind: VirtualMachineInstanceMigration,
      metadata: {name: m}, spec: {vmiName: a, addedNodeSelector: {kubernetes.io/hostname: host2}},
      status: {phase: Running, progress: {elapsedMs: 1, totalBytes: 2, transferredBytes: 3, remainingBytes: 4,
      dirtyRateBytesPerSecond: 5, throughputBytesPerSecond: 6, precopyRounds: 7, etaSeconds: 8, expectedDowntimeMs: 9,
      throttlePercent: 10},
      result: {totalMs: 1, downtimeMs: 2, setupMs: 3, transferredBytes: 4, throughputBytesPerSecond: 5, precopyRounds: 6,
      phasesMs: {Scheduling: 7}}}})");
  const auto schema = schema_of(api_directory() / "virtualmachineinstancemigration.yaml");
  EXPECT_EQ(schema.unknown_fields(*value), std::vector<std::string>{});
  for (const auto& error : schema.validate(*value)) ADD_FAILURE() << error.field << ": " << error.message;
}

}  // namespace
}  // namespace godwit::json
