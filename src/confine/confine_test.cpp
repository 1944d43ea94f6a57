#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "confine/cgroups.hpp"

namespace godwit::confine {
namespace {

namespace fs = std::filesystem;

json::Value pod(const char* resources) {
  json::Value value = json::Object{};
  json::set(value, "/spec/containers",
            json::Array({json::Value(json::Object{{"name", "compute"}, {"resources", *json::parse(resources)}})}));
  return value;
}

std::string text_of(const std::vector<Setting>& settings) {
  std::string text;
  for (const Setting& setting : settings) text += setting.file + "=" + setting.text + "\n";
  return text;
}

TEST(Limits, ComeFromTheGuestsContainer) {
  const auto limits =
      limits_of(pod(R"({"requests": {"cpu": "100m", "memory": "300Mi"}, "limits": {"cpu": "1.5", "memory": "1Gi"}})"));
  EXPECT_EQ(limits.memory_bytes, 1LL << 30);
  EXPECT_EQ(limits.cpu_milli, 1500);
  EXPECT_EQ(limits.cpu_request_milli, 100);
  const auto none = limits_of(pod(R"({"requests": {"cpu": 2}})"));
  EXPECT_FALSE(none.memory_bytes);
  EXPECT_FALSE(none.cpu_milli);
  EXPECT_EQ(none.cpu_request_milli, 2000);
}

TEST(Limits, AreWrittenInBothVersions) {
  const Limits limits{.memory_bytes = 1 << 30, .cpu_milli = 1500, .cpu_request_milli = 1000, .tasks = 1024};
  EXPECT_EQ(text_of(unified_settings(limits)),
            "memory.max=1073741824\nmemory.oom.group=1\ncpu.max=150000 100000\ncpu.weight=39\npids.max=1024\n");
  EXPECT_EQ(text_of(legacy_settings(limits)),
            "memory.limit_in_bytes=1073741824\ncpu.cfs_period_us=100000\ncpu.cfs_quota_us=150000\ncpu.shares=1024\n"
            "pids.max=1024\n");
  EXPECT_EQ(text_of(unified_settings({.cpu_milli = 1, .tasks = 7})),
            "memory.oom.group=1\ncpu.max=1000 100000\ncpu.weight=1\npids.max=7\n");
}

TEST(Layout, UnifiedOneAlone) {
  const auto found = hierarchies_of("30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
                                    "0::/system.slice/godwit-node.service\n", "cpuset cpu io memory hugetlb pids\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0],
            (Hierarchy{"/sys/fs/cgroup", "/system.slice/godwit-node.service", true, {"cpu", "memory", "pids"}}));
}

TEST(Layout, OldOnesWhereTheUnifiedOneHasNoController) {
  const auto found = hierarchies_of(
      "31 23 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
      "32 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "33 23 0:29 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "34 23 0:30 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
      "35 23 0:28 / /elsewhere rw - cgroup cgroup rw,cpu,cpuacct\n",
      "4:freezer:/\n3:memory:/docker/1/x\n2:cpu,cpuacct:/a\n0::/\n", "hugetlb\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0], (Hierarchy{"/sys/fs/cgroup/cpu,cpuacct", "/a", false, {"cpu"}}));
  EXPECT_EQ(found[1], (Hierarchy{"/sys/fs/cgroup/memory", "/x", false, {"memory"}}));
  EXPECT_TRUE(hierarchies_of("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "", "").empty());
}

Deadline soon() { return Deadline::after(std::chrono::seconds{10}); }

class CgroupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::create("godwit-cgroups");
    ASSERT_TRUE(made) << made.error().message;
    temporary_.emplace(std::move(*made));
  }
  [[nodiscard]] fs::path note() const { return temporary_->path() / "cgroups"; }
  /// A directory that stands in for a cgroup's, with the files that the kernel would put there.
  static void stand_in(const fs::path& directory, const std::vector<const char*>& files) {
    fs::create_directories(directory);
    for (const char* file : files) std::ofstream{directory / file}.close();
  }
  static std::string content(const fs::path& file) { return read_file(file).value_or("nothing there"); }
  std::optional<TemporaryDirectory> temporary_;
};

TEST_F(CgroupsTest, TheUnifiedOnesControllersAreHandedDown) {
  const fs::path root = temporary_->path() / "fs";
  for (const char* below : {"", "godwit", "godwit/n", "godwit/n/guest"})
    stand_in(root / below,
             {"cgroup.subtree_control", "cgroup.procs", "memory.max", "cpu.max", "cpu.weight", "pids.max"});
  const auto cgroups = Cgroups::set_up({{root, "/own", true, {"memory"}}}, "n", note());
  EXPECT_TRUE(cgroups.shortcomings().empty());
  for (const char* below : {"", "godwit", "godwit/n"})
    EXPECT_EQ(content(root / below / "cgroup.subtree_control"), "+memory");
  EXPECT_EQ(content(root / "godwit/n/guest/cgroup.subtree_control"), "");
  auto guest = cgroups.make("guest", {.memory_bytes = 5, .cpu_milli = 500, .cpu_request_milli = 100, .tasks = 9});
  ASSERT_TRUE(guest) << guest.error().message;
  guest->stay();
  ASSERT_EQ(guest->directories(), std::vector<fs::path>{root / "godwit/n/guest"});
  EXPECT_EQ(content(root / "godwit/n/guest/memory.max"), "5");
  EXPECT_EQ(content(root / "godwit/n/guest/cpu.max"), "50000 100000");
  EXPECT_EQ(content(root / "godwit/n/guest/pids.max"), "9");
}

TEST_F(CgroupsTest, WithoutAnyGuestsStillRun) {
  const auto cgroups = Cgroups::set_up({}, "n", note());
  EXPECT_EQ(cgroups.shortcomings().size(), 1U);
  const auto guest = cgroups.make("guest", {});
  ASSERT_TRUE(guest);
  EXPECT_TRUE(guest->directories().empty());
  EXPECT_TRUE(cgroups.keep_only({}, soon()));
  EXPECT_TRUE(remove_noted(note(), soon()));
}

/// On this machine's own cgroups, of whatever version.
class RealCgroupsTest : public CgroupsTest {
 protected:
  void SetUp() override {
    CgroupsTest::SetUp();
    hierarchies_ = read_hierarchies();
    if (::geteuid() != 0 || hierarchies_.empty() || ::access(hierarchies_[0].mount.c_str(), W_OK) != 0)
      GTEST_SKIP() << "no cgroups to be made here";
    name_ = "test-" + temporary_->path().filename().string();
  }
  void TearDown() override { EXPECT_TRUE(remove_noted(note(), soon())); }
  [[nodiscard]] Cgroups set_up() const { return Cgroups::set_up(hierarchies_, name_, note()); }
  static Process sleeper(const Cgroup& cgroup) {
    auto process = Process::spawn({.argv = {"sleep", "1000"}, .cgroups = cgroup.directories()});
    EXPECT_TRUE(process) << process.error().message;
    return std::move(*process);
  }
  std::vector<Hierarchy> hierarchies_;
  std::string name_;
};

TEST_F(RealCgroupsTest, HoldTheProcessAndItsLimits) {
  const auto cgroups = set_up();
  auto guest =
      cgroups.make("guest", {.memory_bytes = 64 << 20, .cpu_milli = 500, .cpu_request_milli = 100, .tasks = 20});
  ASSERT_TRUE(guest) << guest.error().message;
  ASSERT_EQ(guest->directories().size(), hierarchies_.size());
  auto process = sleeper(*guest);
  for (const fs::path& directory : guest->directories()) {
    EXPECT_EQ(trim(content(directory / "cgroup.procs")), std::to_string(process.pid())) << directory;
    if (fs::exists(directory / "memory.limit_in_bytes")) {
      EXPECT_EQ(trim(content(directory / "memory.limit_in_bytes")), std::to_string(64 << 20));
    }
    if (fs::exists(directory / "cpu.cfs_quota_us")) {
      EXPECT_EQ(trim(content(directory / "cpu.cfs_quota_us")), "50000");
    }
    if (fs::exists(directory / "pids.max")) EXPECT_EQ(trim(content(directory / "pids.max")), "20");
  }
  const auto directories = guest->directories();
  EXPECT_TRUE(guest->remove(soon()));
  EXPECT_TRUE(process.wait(soon())) << "what was in it is killed";
  for (const fs::path& directory : directories) EXPECT_FALSE(fs::exists(directory)) << directory;
}

TEST_F(RealCgroupsTest, AMemoryLimitIsHeld) {
  const auto cgroups = set_up();
  auto guest = cgroups.make("guest", {.memory_bytes = 16 << 20, .tasks = 20});
  ASSERT_TRUE(guest) << guest.error().message;
  const bool limited = std::any_of(hierarchies_.begin(), hierarchies_.end(),
                                   [](const Hierarchy& h) { return h.controllers.contains("memory"); });
  if (!limited || !cgroups.shortcomings().empty()) GTEST_SKIP() << "no memory controller here";
  const auto greedy = run_program(
      {.argv = {"perl", "-e", "my $x = 'x' x (64 << 20); print length $x"}, .cgroups = guest->directories()}, soon());
  ASSERT_TRUE(greedy) << greedy.error().message;
  EXPECT_EQ(greedy->exit.status, 128 + 9) << greedy->out;
}

TEST_F(RealCgroupsTest, OutliveTheirMakerAndAreFoundAgain) {
  fs::path directory;
  std::optional<Process> kept;
  std::optional<Process> stray;
  {
    const auto cgroups = set_up();
    auto guest = cgroups.make("kept", {.tasks = 20});
    auto other = cgroups.make("stray", {.tasks = 20});
    ASSERT_TRUE(guest && other);
    kept.emplace(sleeper(*guest));
    stray.emplace(sleeper(*other));
    directory = guest->directories()[0];
    guest->stay();
    other->stay();
  }
  const auto again = set_up();
  EXPECT_TRUE(again.keep_only({"kept"}, soon()));
  EXPECT_TRUE(stray->wait(soon())) << "of a guest that nobody knows any more";
  EXPECT_TRUE(kept->running());
  EXPECT_EQ(again.find("kept").directories().size(), hierarchies_.size());
  EXPECT_TRUE(again.find("stray").directories().empty());
  EXPECT_TRUE(remove_noted(note(), soon()));
  EXPECT_TRUE(kept->wait(soon()));
  EXPECT_FALSE(fs::exists(directory.parent_path()));
  EXPECT_FALSE(fs::exists(note()));
}

/// The topmost cgroup of a container, played by one of this machine's unified hierarchy with a process in it. Of the
/// controllers that matter none may be free for it here; the kernel treats the one of huge pages just as they are.
TEST_F(CgroupsTest, InAContainerTheUnifiedOneIsClearedOfProcessesFirst) {
  const fs::path unified = unified_mount(read_file("/proc/self/mountinfo").value_or(""));
  constexpr const char* controller = "hugetlb";
  if (::geteuid() != 0 || unified.empty() ||
      content(unified / "cgroup.controllers").find(controller) == std::string::npos)
    GTEST_SKIP() << "no unified hierarchy with a free controller";
  const auto tell = [](const fs::path& file, const std::string& text) {
    return bool(std::ofstream{file} << text << std::flush);
  };
  const bool was_on = content(unified / "cgroup.subtree_control").find(controller) != std::string::npos;
  if (!was_on && !tell(unified / "cgroup.subtree_control", "+hugetlb")) GTEST_SKIP() << "it can't be handed on";
  const fs::path top = unified / ("godwit-" + temporary_->path().filename().string());
  fs::create_directory(top);
  auto inside = Process::spawn({.argv = {"sleep", "1000"}, .cgroups = {top}});
  ASSERT_TRUE(inside);

  {
    const auto cgroups = Cgroups::set_up({{top, "/", true, {controller}}}, "n", note());
    EXPECT_TRUE(cgroups.shortcomings().empty()) << cgroups.shortcomings()[0];
    EXPECT_EQ(trim(content(top / "agent" / "cgroup.procs")), std::to_string(inside->pid()));
    auto guest = cgroups.make("guest", {.tasks = 20});
    ASSERT_TRUE(guest) << guest.error().message;
    EXPECT_TRUE(fs::exists(top / "godwit/n/guest/hugetlb.2MB.max")) << "the controller did not come down to the guest";
    auto process = Process::spawn({.argv = {"sleep", "1000"}, .cgroups = guest->directories()});
    ASSERT_TRUE(process);
    EXPECT_EQ(trim(content(top / "godwit/n/guest/cgroup.procs")), std::to_string(process->pid()));
    EXPECT_TRUE(guest->remove(soon()));
    EXPECT_TRUE(process->wait(soon()));
  }
  EXPECT_TRUE(remove_noted(note(), soon()));
  EXPECT_FALSE(fs::exists(top / "godwit"));
  (void)inside->signal(SIGKILL);
  EXPECT_TRUE(inside->wait(soon()));
  ::rmdir((top / "agent").c_str());
  EXPECT_EQ(::rmdir(top.c_str()), 0);
  if (!was_on) tell(unified / "cgroup.subtree_control", "-hugetlb");
}

}  // namespace
}  // namespace godwit::confine
