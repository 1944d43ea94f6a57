// `kubectl drain` empties a node without stopping its guests.
#include <gmock/gmock.h>

#include "base/process.hpp"
#include "e2e/cluster_fixture.hpp"

namespace godwit {
namespace {

using namespace kube::resources;

class DrainTest : public GuestTest {
 protected:
  void SetUp() override {
    GuestTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) set_strategy(R"("LiveMigrate")");
  }
  void TearDown() override {
    if (ClusterEnvironment::instance().usable()) {
      set_strategy("null");
      if (!drained_.empty()) EXPECT_TRUE(kubectl({"uncordon", drained_}).exit.ok());
    }
    GuestTest::TearDown();
  }

  /// Of guests that are made from now on.
  void set_strategy(const std::string& strategy) const {
    const auto patch = json::parse(R"({"spec":{"configuration":{"evictionStrategy":)" + strategy + "}}}");
    const auto done = client().patch(kubevirts, {.ns = "kubevirt", .name = "kubevirt"}, kube::PatchType::merge, *patch);
    EXPECT_TRUE(done) << done.error().message;
  }

  Output kubectl(std::vector<std::string> arguments) const {
    std::vector<std::string> argv{"kubectl", "--kubeconfig", (cluster().directory / "kubeconfig").string()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    auto output = run_program({.argv = argv}, Deadline::after(std::chrono::seconds{180}));
    EXPECT_TRUE(output) << output.error().message;
    return output.value_or(Output{});
  }

  std::string drained_;
};

TEST_F(DrainTest, MovesTheGuestAway) {
  boot("drained");
  const std::string home = drained_ = node();
  ASSERT_EQ(json::string_at(vmi(), "/spec/evictionStrategy"), "LiveMigrate");
  const Output drain = kubectl({"drain", home, "--timeout=150s"});
  EXPECT_TRUE(drain.exit.ok()) << drain.out << drain.err;
  EXPECT_THAT(drain.out + drain.err, testing::HasSubstr("Eviction triggered evacuation of VMI \"default/drained\""));
  EXPECT_NE(node(), home);
  EXPECT_TRUE(eventually([&] { return json::find(vmi(), "/status/evacuationNodeName") == nullptr; }));
  expect_guest_intact();
  const auto migrations = client().list(virtual_machine_instance_migrations, "default");
  ASSERT_TRUE(migrations);
  int evacuations = 0;
  for (const auto& each : migrations->items) {
    if (json::string_at(each, "/spec/vmiName") != "drained") continue;
    ++evacuations;
    EXPECT_EQ(json::string_at(each, "/metadata/annotations/kubevirt.io~1evacuationMigration"), home);
    EXPECT_EQ(json::string_at(each, "/status/phase"), "Succeeded");
  }
  EXPECT_EQ(evacuations, 1);
}

}  // namespace
}  // namespace godwit
