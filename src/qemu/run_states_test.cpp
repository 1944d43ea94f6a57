#include "qemu/run_states.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/files.hpp"
#include "qemu/machine.hpp"

namespace godwit::qemu {
namespace {

constexpr std::string_view sample =
    "7593@1796096638.280525:runstate_set current_run_state 6 (prelaunch) new_state 9 (running)\n"
    "7593@1796096638.280548:vm_state_notify running 1 reason 9 (running)\n"
    "something else, with @ and . and : (in it)\n"
    "7593@1796096638.581774:runstate_set current_run_state 9 (running) new_state 7 (finish-migrate)\n"
    "7593@1796096638.582787:vm_state_notify running 0 reason 7 (finish-migrate)\n";

TEST(RunStates, ASpanLastsUntilAllCpusHaveStopped) {
  EXPECT_EQ(parse_run_states(7593, sample), (std::vector<RunSpan>{{7593, 1796096638280525, 1796096638582787}}));
  EXPECT_EQ(last_run_state(sample), "finish-migrate");
  const auto running = sample.substr(0, sample.find("\n7593@1796096638.581774"));
  EXPECT_EQ(parse_run_states(7593, running), (std::vector<RunSpan>{{7593, 1796096638280525, {}}}));
  EXPECT_EQ(parse_run_states(7593, "7593@17960966"), std::vector<RunSpan>{});
  EXPECT_EQ(last_run_state("7593@1796096638.280525:runstate_set current_run_state 6 (prelaunch) new_st"), "");
}

// The check can fail: every way in which two QEMUs may run at once is found.
TEST(RunStates, EveryOverlapIsFound) {
  EXPECT_FALSE(find_overlap({}));
  EXPECT_FALSE(find_overlap({{1, 10, 20}, {2, 20, 30}, {1, 30, {}}}));
  EXPECT_FALSE(find_overlap({{1, 10, {}}, {1, 20, {}}}));
  EXPECT_TRUE(find_overlap({{1, 10, 20}, {2, 19, 30}}));
  EXPECT_TRUE(find_overlap({{2, 19, 30}, {1, 10, 20}}));
  EXPECT_TRUE(find_overlap({{1, 10, {}}, {2, 1000, 1001}}));
  EXPECT_TRUE(find_overlap({{1, 10, 100}, {1, 20, 30}, {2, 50, 60}}));
}

TEST(RunStates, OfTwoRealQemus) {
  const auto ground = TemporaryDirectory::create("states");
  std::filesystem::permissions(ground->path(), std::filesystem::perms{0755});
  const auto start = [&](const std::string& name) {
    MachineSpec spec{.name = name, .uuid = "6f1b4d3e-50cb-4f6c-9d07-0d7e5a7f1a12", .memory_bytes = 64LL << 20};
    spec.tcg_tb_size_mb = 16;
    RunOptions options{.directory = ground->path() / name};
    if (::geteuid() != 0) options.user.reset();
    return Machine::start(spec, options, {});
  };
  const auto soon = [] { return Deadline::after(std::chrono::seconds{20}); };
  const auto one = start("one");
  const auto two = start("two");
  ASSERT_TRUE(one && two);
  const auto spans = [&] {
    auto all = parse_run_states((*one)->pid(), read_file((*one)->paths().run_states).value_or(""));
    for (auto& span : parse_run_states((*two)->pid(), read_file((*two)->paths().run_states).value_or("")))
      all.push_back(span);
    return all;
  };
  ASSERT_TRUE((*one)->cont(soon()) && (*one)->stop(soon()) && (*two)->cont(soon()));
  EXPECT_EQ(spans().size(), 2U);
  EXPECT_FALSE(find_overlap(spans()));
  ASSERT_TRUE((*one)->cont(soon()));
  EXPECT_TRUE(find_overlap(spans()));
  (void)(*one)->kill(soon());
  (void)(*two)->kill(soon());
}

}  // namespace
}  // namespace godwit::qemu
