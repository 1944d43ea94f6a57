#include "local/cluster.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/process.hpp"
#include "local/pid_file.hpp"
#include "local/processes.hpp"

namespace godwit::local {
namespace {

/// A directory of one test's own.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "local-test-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Plan plan_in(const std::string& directory) {
  Plan plan;
  plan.directory = directory;
  return plan;
}

Cluster planned(const Plan& plan, const std::vector<std::string>& taken = {}) {
  auto cluster = plan_cluster(plan, taken);
  EXPECT_TRUE(cluster) << cluster.error().message;
  return cluster.value_or(Cluster{});
}

/// What a cluster's server and gateway occupy on this machine.
std::vector<std::string> addresses_of(const Cluster& cluster) {
  return {cluster.server_address() + "/24", cluster.pod_cidr};
}

TEST(PlanCluster, TakesTheFirstSlice) {
  const Cluster cluster = planned(plan_in("/tmp/one"));
  EXPECT_EQ(cluster.server_address(), "198.18.0.1");
  EXPECT_EQ(cluster.server_url(), "https://198.18.0.1:6443");
  EXPECT_EQ(cluster.pod_cidr, "198.19.0.0/20");
  EXPECT_EQ(cluster.gateway, "198.19.0.1");
  EXPECT_EQ(cluster.vni, 100);
  ASSERT_EQ(cluster.nodes.size(), 3U);
  EXPECT_EQ(cluster.nodes[2].name, "node-3");
  EXPECT_EQ(cluster.nodes[2].address, "198.18.0.13");
  EXPECT_EQ(cluster.find("node-3"), &cluster.nodes[2]);
  EXPECT_EQ(cluster.find("node-4"), nullptr);
}

TEST(PlanCluster, NamesFitTheKernel) {
  Plan plan = plan_in("/tmp/one");
  plan.nodes = 64;
  const Cluster cluster = planned(plan);
  const auto spec = cluster.gateway_spec();
  for (const std::string& name : {cluster.bridge(), spec.overlay.bridge, spec.overlay.vxlan, cluster.nodes[63].link})
    EXPECT_LE(name.size(), 15U) << name;
}

TEST(PlanCluster, NamesFollowTheDirectory) {
  EXPECT_EQ(planned(plan_in("/tmp/one")).id, planned(plan_in("/tmp/one")).id);
  EXPECT_NE(planned(plan_in("/tmp/one")).id, planned(plan_in("/tmp/two")).id);
}

TEST(PlanCluster, EverySliceOnceThenConflict) {
  std::vector<std::string> taken;
  std::vector<std::string> seen;
  for (int i = 0; i < 16; ++i) {
    const Cluster cluster = planned(plan_in("/tmp/one"), taken);
    for (const std::string& address : addresses_of(cluster)) taken.push_back(address);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), cluster.pod_cidr), 0);
    seen.push_back(cluster.pod_cidr);
    EXPECT_EQ(cluster.vni, 100 + i);
  }
  EXPECT_EQ(seen.back(), "198.19.240.0/20");
  const auto none = plan_cluster(plan_in("/tmp/one"), taken);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::conflict);
}

TEST(PlanCluster, AvoidsWhatThisMachineHas) {
  EXPECT_EQ(planned(plan_in("/t"), {"198.18.0.1"}).underlay_prefix, "198.18.1.");
  EXPECT_EQ(planned(plan_in("/t"), {"198.18.0.255/32"}).underlay_prefix, "198.18.1.");
  EXPECT_EQ(planned(plan_in("/t"), {"198.19.15.255"}).pod_cidr, "198.19.16.0/20");
  EXPECT_EQ(planned(plan_in("/t"), {"198.18.0.0/22"}).underlay_prefix, "198.18.4.");
}

TEST(PlanCluster, SingleAddressesTouchOnlyThemselves) {
  const Cluster cluster =
      planned(plan_in("/t"), {"198.18.1.0/32", "198.19.16.0", "127.0.0.1/32", "0.0.0.0/32", "255.255.255.255"});
  EXPECT_EQ(cluster.underlay_prefix, "198.18.0.");
}

TEST(PlanCluster, RoutesAsLargeAsTheRangeTakeNoSlice) {
  EXPECT_EQ(planned(plan_in("/t"), {"198.18.0.0/15", "0.0.0.0/0"}).underlay_prefix, "198.18.0.");
}

TEST(PlanCluster, WordsThatAreNoAddressesDoNotCount) {
  EXPECT_EQ(planned(plan_in("/t"), {"198.18.0.999", "1.2.3", "198.18.0.1/40", ""}).underlay_prefix, "198.18.0.");
}

TEST(PlanCluster, RefusesBadRanges) {
  for (const char* cidr : {"198.18.0.0/16", "198.18.0.0", "198.18.0/15", "", "word", "198.18.0.0/x", "300.0.0.0/8"}) {
    Plan plan = plan_in("/t");
    plan.cidr = cidr;
    const auto cluster = plan_cluster(plan, {});
    ASSERT_FALSE(cluster) << cidr;
    EXPECT_EQ(cluster.error().code, Code::invalid);
  }
}

TEST(PlanCluster, AnotherRange) {
  Plan plan = plan_in("/t");
  plan.cidr = "10.32.0.0/14";
  const Cluster cluster = planned(plan);
  EXPECT_EQ(cluster.server_address(), "10.32.0.1");
  EXPECT_EQ(cluster.pod_cidr, "10.33.0.0/20");
}

TEST(PlanCluster, RefusesTooManyNodesAndTooFew) {
  for (const int nodes : {-1, 0, 65, 1000}) {
    Plan plan = plan_in("/t");
    plan.nodes = nodes;
    const auto cluster = plan_cluster(plan, {});
    ASSERT_FALSE(cluster) << nodes;
    EXPECT_EQ(cluster.error().code, Code::invalid);
  }
}

TEST(PlanCluster, ClustersOfOneRangeHaveTheirOwnRangeRoute) {
  const Cluster one = planned(plan_in("/tmp/one"));
  const Cluster two = planned(plan_in("/tmp/two"), addresses_of(one));
  EXPECT_EQ(one.cidr, two.cidr);
  EXPECT_NE(one.range_metric(), two.range_metric());
}

TEST(ClusterFile, RoundTrip) {
  const Scratch scratch;
  Plan plan = plan_in(scratch.path());
  plan.node_memory = std::int64_t{6} << 30U;
  plan.link_rate = "1gbit";
  Cluster cluster = planned(plan, {"198.18.0.1"});
  cluster.forwarding_before = false;
  cluster.nodes[1].killed = true;
  const auto again = cluster_of(to_json(cluster));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, cluster);
  ASSERT_TRUE(save(cluster));
  const auto loaded = load_cluster(scratch.path());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, cluster);
}

TEST(ClusterFile, AbsentAndBroken) {
  const Scratch scratch;
  const auto absent = load_cluster(scratch.path());
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::not_found);
  for (const char* text : {"", "{", "{}", "[]", R"({"id":"1a2b"})"}) {
    ASSERT_TRUE(write_file(scratch.path() / "cluster.json", text));
    const auto broken = load_cluster(scratch.path());
    ASSERT_FALSE(broken) << text;
    EXPECT_NE(broken.error().code, Code::not_found) << text;
  }
}

TEST(ClusterFile, OfANewerVersion) {
  const Scratch scratch;
  ASSERT_TRUE(write_file(scratch.path() / "cluster.json", R"({"format":9,"id":"1a2b"})"));
  const auto newer = load_cluster(scratch.path());
  ASSERT_FALSE(newer);
  EXPECT_NE(newer.error().message.find("was written by a newer version of Godwit"), std::string::npos)
      << newer.error().message;
}

TEST(PidFile, KnowsALivingProcessAndItsEnd) {
  const Scratch scratch;
  const auto file = scratch.path() / "pid";
  EXPECT_EQ(living_process(file), 0);
  auto process = Process::spawn({.argv = {"sleep", "60"}});
  ASSERT_TRUE(process) << process.error().message;
  ASSERT_TRUE(write_pid_file(file, process->pid()));
  EXPECT_EQ(living_process(file), process->pid());
  kill_and_wait(process->pid());
  EXPECT_EQ(living_process(file), 0) << "a zombie is no living process";
  const auto exit = process->wait(Deadline::after(std::chrono::seconds{10}));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->status, 128 + 9);
  EXPECT_EQ(living_process(file), 0);
}

TEST(PidFile, ThePidOfAnotherProcessIsNotOurs) {
  const Scratch scratch;
  const auto file = scratch.path() / "pid";
  for (const std::string& text :
       {std::to_string(::getpid()) + " 1\n", std::to_string(::getpid()) + "\n", std::string{"0 0\n"},
        std::string{"-1 5\n"}, std::string{"word 5\n"}, std::string{}}) {
    ASSERT_TRUE(write_file(file, text));
    EXPECT_EQ(living_process(file), 0) << text;
  }
}

TEST(Processes, AreFoundByTheirArgumentsAndEndedTogether) {
  const Scratch scratch;
  ASSERT_TRUE(write_file(scratch.path() / "log", ""));
  const std::string log = scratch.path() / "log";
  const std::vector<std::string> arguments{"-f", log};
  EXPECT_TRUE(processes_with(arguments).empty());
  auto one = Process::spawn({.argv = {"tail", "-f", log}});
  auto two = Process::spawn({.argv = {"tail", "-f", log, "/dev/null"}});
  auto other = Process::spawn({.argv = {"tail", "-q", "-f", log}});
  ASSERT_TRUE(one && two && other);
  const Deadline deadline = Deadline::after(std::chrono::seconds{20});
  EXPECT_TRUE(end_all([&] { return processes_with(arguments); }, deadline));
  EXPECT_FALSE(one->running());
  EXPECT_FALSE(two->running());
  EXPECT_TRUE(other->running());
}

TEST(Processes, EndAllGivesUpAtTheDeadline) {
  EXPECT_FALSE(end_all([] { return std::vector<int>{0}; }, Deadline::after(std::chrono::milliseconds{1})));
}

}  // namespace
}  // namespace godwit::local
