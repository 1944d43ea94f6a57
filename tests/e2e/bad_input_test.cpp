// What people get wrong, and what they are told: at the right place, with nothing broken.
#include <fmt/format.h>

#include "base/process.hpp"
#include "e2e/cluster_fixture.hpp"

namespace godwit {
namespace {

using namespace kube::resources;
using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

class BadInputTest : public GuestTest {
 protected:
  /// An event about the object of that name that has the words in it.
  AssertionResult is_told(const std::string& object, const std::string& reason, const std::string& words) const {
    std::string seen;
    const bool told = eventually([&] {
      const auto all = client().list(events, "default");
      if (!all) return false;
      seen.clear();
      for (const json::Value& event : all->items) {
        if (!json::string_at(event, "/involvedObject/name").starts_with(object)) continue;
        const auto message = json::string_at(event, "/message");
        seen += fmt::format("{}: {}\n", json::string_at(event, "/reason"), message);
        if (json::string_at(event, "/reason") == reason && message.find(words) != std::string::npos) return true;
      }
      return false;
    });
    if (told) return AssertionSuccess();
    return AssertionFailure() << "not told: " << words << "; but\n" << seen;
  }
  int times_told(const std::string& reason) const {
    int times = 0;
    const auto all = client().list(events, "default");
    for (const json::Value& event : all->items)
      if (json::string_at(event, "/reason") == reason) times += static_cast<int>(json::int_at(event, "/count", 1));
    return times;
  }
  Result<json::Value> create_claim(const std::string& name, const std::string& image) const {
    return client().create(persistent_volume_claims, "default",
                           *json::parse(fmt::format(R"({{"metadata":{{
        "name":"{}","annotations":{{"godwit.io/image":"{}"}}}},"spec":{{"accessModes":["ReadWriteMany"],"resources":{{
        "requests":{{"storage":"96Mi"}}}}}}}})",
                                                    name, image)));
  }
  /// The program is copied to where nobody may run it: the build's own directory may be closed to others.
  Output godwit_as_nobody(std::vector<std::string> arguments) const {
    const auto open = *TemporaryDirectory::create("godwit-nobody");
    std::filesystem::permissions(open.path(), std::filesystem::perms{0755});
    const auto program = open.path() / "godwit";
    std::error_code ignored;
    std::filesystem::copy_file(
        std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() / "godwit", program);
    std::vector<std::string> argv{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto output = run_program({.argv = argv}, Deadline::after(std::chrono::seconds{60}));
    EXPECT_TRUE(output) << output.error().message;
    return output.value_or(Output{});
  }
};

TEST_F(BadInputTest, AGuestWaitsForAClaimThatDoesNotExistYet) {
  name_ = "early";
  ASSERT_TRUE(client().create(virtual_machines, "default", *json::parse(R"({"metadata":{"name":"early"},"spec":{
      "runStrategy":"Always","template":{"spec":{"terminationGracePeriodSeconds":1,"domain":{"memory":{"guest":"128Mi"},
      "devices":{"disks":[{"name":"root","disk":{"bus":"virtio"}}]}},
      "volumes":[{"name":"root","persistentVolumeClaim":{"claimName":"early"}}]}}}})")));
  EXPECT_TRUE(is_told("virt-launcher-early", "FailedScheduling",
                      "0/3 nodes are available: persistentvolumeclaim \"early\" not found. preemption: "));
  ASSERT_TRUE(create_claim("early", "godwit/tiny"));
  EXPECT_TRUE(eventually([&] { return json::string_at(vmi(), "/status/phase") == "Running"; }));
  EXPECT_EQ(times_told("FailedMount"), 0);  // it is placed once the claim is bound
}

TEST_F(BadInputTest, AClaimOfAnImageThatDoesNotExistSaysSoOnce) {
  ASSERT_TRUE(create_claim("imageless", "no/such"));
  EXPECT_TRUE(is_told("imageless", "ProvisioningFailed",
                      "there is no image \"no/such\"; import it with `godwit image import no/such FILE`"));
  (void)sleep_for(std::chrono::seconds{2}, {});
  EXPECT_EQ(times_told("ProvisioningFailed"), 1);
  EXPECT_TRUE(client().remove(persistent_volume_claims, {.ns = "default", .name = "imageless"}));
  EXPECT_TRUE(
      eventually([&] { return !client().get(persistent_volume_claims, {.ns = "default", .name = "imageless"}); }));
}

TEST_F(BadInputTest, AMigrationToNowhereSaysWhyPerNodeAndCanBeCancelled) {
  boot("nowhere");
  const std::string home = node();
  const auto migration = begin_migration("node-9");
  ASSERT_TRUE(migration) << migration.error().message;
  EXPECT_TRUE(is_told(migration->name, "migrationTargetPodUnschedulable", "0/3 nodes are available"));
  EXPECT_TRUE(is_told("nowhere", "FailedScheduling", "node-2: node(s) didn't match Pod's node affinity"));
  const auto second = begin_migration();
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("in-flight migration detected"), std::string::npos) << second.error().message;
  EXPECT_TRUE(client().remove(virtual_machine_instance_migrations, *migration));
  EXPECT_TRUE(eventually([&] { return !client().get(virtual_machine_instance_migrations, *migration); }));
  EXPECT_TRUE(eventually([&] { return client().list(pods, "default")->items.size() == 1; })) << "the target pod stays";
  EXPECT_EQ(node(), home);
  expect_guest_intact();
}

TEST_F(BadInputTest, NotBeingRootIsSaidAtOnce) {
  const std::string directory = cluster().directory;
  for (const auto& verb : {std::vector<std::string>{"up", "--dir", "/tmp/godwit-nobody"},
                           {"down", "--dir", directory},
                           {"status", "--dir", directory},
                           {"kill", "--dir", directory, "node-1"},
                           {"cut", "--dir", directory, "node-1"},
                           {"exec", "--dir", directory, "node-1", "--", "true"}}) {
    std::vector<std::string> arguments{"local"};
    arguments.insert(arguments.end(), verb.begin(), verb.end());
    const Output output = godwit_as_nobody(arguments);
    EXPECT_FALSE(output.exit.ok()) << verb[0];
    EXPECT_NE(output.err.find("must run as root"), std::string::npos) << verb[0] << ": " << output.err;
  }
  EXPECT_FALSE(std::filesystem::exists("/tmp/godwit-nobody"));
}

}  // namespace
}  // namespace godwit
