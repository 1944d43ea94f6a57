#include "kube/work_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace godwit::kube {
namespace {

constexpr auto soon = std::chrono::milliseconds{30};

std::optional<Key> get_now(WorkQueue& queue) {
  std::stop_source stop;
  std::jthread timer{[&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    stop.request_stop();
  }};
  return queue.get(stop.get_token());
}

TEST(WorkQueue, HoldsAKeyOnce) {
  WorkQueue queue;
  queue.add({"a", "x"});
  queue.add({"a", "x"});
  queue.add({"a", "y"});
  EXPECT_EQ(get_now(queue), (Key{"a", "x"}));
  EXPECT_EQ(get_now(queue), (Key{"a", "y"}));
  EXPECT_EQ(get_now(queue), std::nullopt);
}

TEST(WorkQueue, KeyInWorkWaitsForItsEnd) {
  WorkQueue queue;
  queue.add({"", "x"});
  ASSERT_TRUE(get_now(queue));
  queue.add({"", "x"});
  queue.add({"", "x"});
  EXPECT_EQ(get_now(queue), std::nullopt);
  queue.done({"", "x"});
  EXPECT_TRUE(get_now(queue));
  queue.done({"", "x"});
  EXPECT_EQ(get_now(queue), std::nullopt);
}

TEST(WorkQueue, DelayedKeyComesLaterAndOnlyOnce) {
  WorkQueue queue;
  const auto begun = std::chrono::steady_clock::now();
  queue.add_after({"", "x"}, soon);
  queue.add_after({"", "x"}, soon);
  std::stop_source stop;
  EXPECT_TRUE(queue.get(stop.get_token()));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, soon);
  queue.done({"", "x"});
  // The second delay ended together with the first or just after: at most one more visit.
  if (get_now(queue)) queue.done({"", "x"});
  EXPECT_EQ(get_now(queue), std::nullopt);
}

TEST(WorkQueue, AnEarlierDelayOvertakesALaterOne) {
  WorkQueue queue;
  queue.add_after({"", "late"}, std::chrono::hours{1});
  std::jthread adder{[&queue] {
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
    queue.add_after({"", "early"}, std::chrono::milliseconds{5});
  }};
  std::stop_source stop;
  EXPECT_EQ(queue.get(stop.get_token()), (Key{"", "early"}));
}

TEST(WorkQueue, FailuresAreCountedPerKeyUntilForgotten) {
  WorkQueue queue;
  for (int i = 0; i < 6; ++i) queue.add_rate_limited({"", "x"});  // the sixth waits 160 ms
  queue.forget({"", "x"});
  std::stop_source stop;
  const auto begun = std::chrono::steady_clock::now();
  queue.add_rate_limited({"", "y"});
  EXPECT_TRUE(queue.get(stop.get_token()));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{5});
}

TEST(WorkQueue, NoKeyIsLostOrWorkedOnTwiceAtOnce) {
  WorkQueue queue;
  constexpr int keys = 5;
  std::array<std::atomic<int>, keys> inside{};
  std::array<std::atomic<int>, keys> wanted{};
  std::array<std::atomic<int>, keys> seen{};
  std::atomic<bool> overlap{false};
  {
    std::vector<std::jthread> workers;
    for (int w = 0; w < 3; ++w) {
      workers.emplace_back([&](const std::stop_token& stop) {
        while (const auto key = queue.get(stop)) {
          const auto i = static_cast<std::size_t>(key->name[0] - '0');
          if (++inside[i] != 1) overlap = true;
          seen[i] = wanted[i].load();
          --inside[i];
          queue.done(*key);
        }
      });
    }
    for (int n = 1; n <= 500; ++n) {
      for (std::size_t i = 0; i < keys; ++i) {
        wanted[i] = n;
        queue.add({"", std::to_string(i)});
      }
    }
    const auto deadline = Deadline::after(std::chrono::seconds{20});
    const auto all_seen = [&] { return std::all_of(seen.begin(), seen.end(), [](const auto& n) { return n == 500; }); };
    while (!all_seen() && !deadline.passed()) std::this_thread::sleep_for(std::chrono::milliseconds{2});
    EXPECT_TRUE(all_seen());
  }
  EXPECT_FALSE(overlap);
}

}  // namespace
}  // namespace godwit::kube
