#include "e2e/cluster_fixture.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/process.hpp"
#include "kube/kubeconfig.hpp"
#include "local/machines.hpp"
#include "local/verbs.hpp"

namespace godwit {
namespace {

using namespace kube::resources;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* ns = "default";

::testing::Environment* const registered = ::testing::AddGlobalTestEnvironment(&ClusterEnvironment::instance());

std::filesystem::path build_directory() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().parent_path();
}

}  // namespace

ClusterEnvironment& ClusterEnvironment::instance() {
  static auto* const only = new ClusterEnvironment;  // GoogleTest deletes it
  return *only;
}

void ClusterEnvironment::SetUp() {
  if (::geteuid() != 0) return;
  directory_ = std::make_unique<TemporaryDirectory>(std::move(*TemporaryDirectory::create("godwit-e2e")));
  // QEMU runs as a user of its own and must be able to enter.
  std::filesystem::permissions(directory_->path(), std::filesystem::perms{0755});
  const std::string program = (build_directory() / "godwit").string();
  const auto up = run_program(
      {.argv = {program, "local", "up", "--nodes", "3", "--node-memory", "4Gi", "--dir", directory_->path()}},
      Deadline::after(seconds{180}));
  ASSERT_TRUE(up) << up.error().message;
  ASSERT_TRUE(up->exit.ok()) << up->out << up->err;
  auto loaded = local::load_cluster(directory_->path());
  ASSERT_TRUE(loaded) << loaded.error().message;
  cluster_ = std::move(*loaded);
  const auto images = cluster_.shared() / "images" / "godwit" / "tiny";
  ASSERT_TRUE(make_directory(images));
  std::filesystem::copy_file(build_directory() / "guest" / "tiny.img", images / "disk.img");
  const auto config = kube::read_kubeconfig(cluster_.kubeconfig());
  ASSERT_TRUE(config) << config.error().message;
  client_ = std::make_unique<kube::Client>(*kube::connect(*config));
}

void ClusterEnvironment::TearDown() {
  if (!directory_) return;
  client_.reset();
  if (const auto down = local::down(directory_->path(), false); !down) ADD_FAILURE() << down.error().message;
  directory_.reset();
}

void GuestTest::SetUp() {
  if (!ClusterEnvironment::instance().usable()) GTEST_SKIP() << "only root can make a cluster";
}

void GuestTest::TearDown() {
  if (name_.empty()) return;
  (void)client().remove(virtual_machines, {.ns = ns, .name = name_});
  EXPECT_TRUE(eventually([&] { return !client().get(virtual_machine_instances, {.ns = ns, .name = name_}); }))
      << "the VMI stays";
  (void)client().remove(persistent_volume_claims, {.ns = ns, .name = name_});
  for (const local::LocalNode& n : cluster().nodes) {
    EXPECT_TRUE(eventually([&] { return qemu_on(n.name) == 0; })) << "a QEMU is left on " << n.name;
  }
}

bool GuestTest::eventually(const std::function<bool()>& condition, seconds patience) {
  const Deadline deadline = Deadline::after(patience);
  while (!condition()) {
    if (deadline.passed()) return false;
    (void)sleep_for(milliseconds{20}, {});
  }
  return true;
}

void GuestTest::boot(const std::string& name, const std::string& binding) {
  name_ = name;
  const auto claim = json::parse(fmt::format(
      R"({{"metadata":{{"name":"{}","annotations":{{"godwit.io/image":"godwit/tiny"}}}},
          "spec":{{"accessModes":["ReadWriteMany"],"resources":{{"requests":{{"storage":"96Mi"}}}}}}}})",
      name));
  const auto claimed = client().create(persistent_volume_claims, ns, *claim);
  ASSERT_TRUE(claimed) << claimed.error().message;
  json::Value vm = *json::parse(fmt::format(
      R"({{"metadata":{{"name":"{0}"}},"spec":{{"runStrategy":"Always","template":{{"metadata":{{"annotations":{{
            "kubevirt.io/allow-pod-bridge-network-live-migration":"true"}}}},"spec":{{
          "terminationGracePeriodSeconds":5,
          "domain":{{"memory":{{"guest":"128Mi"}},"devices":{{"disks":[{{"name":"root","disk":{{"bus":"virtio"}}}}],
                     "interfaces":[{{"name":"default","{1}":{{}}}}]}}}},
          "networks":[{{"name":"default","pod":{{}}}}],
          "volumes":[{{"name":"root","persistentVolumeClaim":{{"claimName":"{0}"}}}}]}}}}}}}})",
      name, binding));
  const auto created = client().create(virtual_machines, ns, vm);
  ASSERT_TRUE(created) << created.error().message;
  ASSERT_TRUE(eventually([&] {
    const auto object = client().get(virtual_machine_instances, {.ns = ns, .name = name_});
    if (!object || json::string_at(*object, "/status/phase") != "Running") return false;
    address_ = json::string_at(*object, "/status/interfaces/0/ipAddress");
    return !address_.empty();
  })) << "the guest did not start";
  const auto answers = trial::wait_for_guest(address_, Deadline::after(seconds{90}));
  ASSERT_TRUE(answers) << answers.error().message;
  run_ = tell("heartbeat")["run"];
  (void)tell("pattern set 20");
}

std::map<std::string, std::string> GuestTest::tell(const std::string& command) const {
  const auto answer = trial::tell_guest(address_, command, Deadline::after(seconds{60}));
  EXPECT_TRUE(answer) << command << ": " << answer.error().message;
  return answer.value_or(std::map<std::string, std::string>{});
}

Result<kube::Key> GuestTest::begin_migration(const std::string& target) const {
  json::Value wanted =
      *json::parse(fmt::format(R"({{"metadata":{{"generateName":"{0}-"}},"spec":{{"vmiName":"{0}"}}}})", name_));
  if (!target.empty()) json::set(wanted, "/spec/addedNodeSelector", json::Object{{"kubernetes.io/hostname", target}});
  auto made = client().create(virtual_machine_instance_migrations, ns, wanted);
  if (!made) return fail(made.error());
  return kube::key_of(*made);
}

json::Value GuestTest::wait_for_end(const kube::Key& migration) const {
  json::Value last = json::Object{};
  EXPECT_TRUE(eventually([&] {
    const auto now = client().get(virtual_machine_instance_migrations, migration);
    if (!now) return now.error().code == Code::not_found;
    last = *now;
    const std::string phase = json::string_at(last, "/status/phase");
    return phase == "Succeeded" || phase == "Failed";
  })) << json::write_pretty(last);
  return last;
}

json::Value GuestTest::vmi() const {
  return client().get(virtual_machine_instances, {.ns = ns, .name = name_}).value_or(json::Value(json::Object{}));
}

int GuestTest::qemu_on(const std::string& node_name) const {
  const local::LocalNode* node_entry = cluster().find(node_name);
  if (node_entry == nullptr) return 0;
  for (const int pid : local::processes_in(cluster().node_data(*node_entry), *node_entry)) {
    const std::string command = read_file(fmt::format("/proc/{}/cmdline", pid)).value_or("");
    if (command.find("qemu-system") != std::string::npos && command.find("_" + name_ + ",") != std::string::npos)
      return pid;
    if (command.find("qemu-system") != std::string::npos &&
        command.find("_" + name_ + std::string(1, '\0')) != std::string::npos)
      return pid;
  }
  return 0;
}

void GuestTest::expect_guest_intact() {
  const auto before = tell("heartbeat");
  EXPECT_EQ(before.at("run"), run_) << "the guest was started anew";
  EXPECT_EQ(before.at("intact"), "yes");
  EXPECT_EQ(tell("pattern verify").at("errors"), "0");
  EXPECT_TRUE(eventually([&] { return tell("heartbeat").at("count") != before.at("count"); }))
      << "the guest stands still";
}

}  // namespace godwit
