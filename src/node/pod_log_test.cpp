#include "node/pod_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "base/files.hpp"
#include "node/log_stream.hpp"

namespace godwit::node {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LogLine line(std::string stamp, std::string text) { return {std::move(stamp), std::move(text)}; }

TEST(PodLogLines, HaveATimeAndAText) {
  EXPECT_EQ(parse_log_line("2026-12-01T10:00:00.123456Z a b", ""), line("2026-12-01T10:00:00.123456Z", "a b"));
  EXPECT_EQ(parse_log_line("no time here", "2026-12-01T10:00:00Z"), line("2026-12-01T10:00:00Z", "no time here"));
  EXPECT_EQ(parse_log_line("", "t"), line("t", ""));
}

TEST(PodLogLines, AreMergedByTime) {
  EXPECT_THAT(merge_by_time({line("1", "a"), line("3", "c")}, {line("1", "b"), line("4", "d")}),
              ElementsAre(line("1", "a"), line("1", "b"), line("3", "c"), line("4", "d")));
}

TEST(PodLogLines, AreSelected) {
  const std::vector<LogLine> lines{line("2026-12-01T10:00:00Z", "old"), line("2026-12-01T11:00:00Z", "b"),
                                   line("2026-12-01T12:00:00Z", "c")};
  EXPECT_EQ(select(lines, {}).size(), 3U);
  EXPECT_EQ(select(lines, {.tail_lines = 1}).front().text, "c");
  EXPECT_TRUE(select(lines, {.tail_lines = 0}).empty());
  EXPECT_EQ(select(lines, {.since = *parse_time("2026-12-01T10:30:00Z")}).front().text, "b");
}

TEST(PodLogQuery, IsReadAndChecked) {
  http::Request request;
  request.query = {{"follow", "true"}, {"tailLines", "5"}, {"sinceSeconds", "60"}, {"timestamps", "true"}};
  const WallTime now = *parse_time("2026-12-01T10:01:00Z");
  const auto selection = log_selection_of(request, now);
  ASSERT_TRUE(selection);
  EXPECT_TRUE(selection->follow);
  EXPECT_TRUE(selection->timestamps);
  EXPECT_EQ(selection->tail_lines, 5U);
  EXPECT_EQ(format_time(*selection->since), "2026-12-01T10:00:00Z");
  request.query = {{"tailLines", "-1"}};
  EXPECT_EQ(log_selection_of(request, now).error().code, Code::bad_request);
  request.query = {{"sinceTime", "yesterday"}};
  EXPECT_EQ(log_selection_of(request, now).error().code, Code::bad_request);
}

class PodLogsTest : public testing::Test {
 protected:
  std::string all(const LogSelection& selection = {}) const {
    std::string text;
    const auto done = logs_.stream(
        "uid", selection, [] { return false; },
        [&](std::string_view part) {
          text += part;
          return true;
        },
        {});
    EXPECT_TRUE(done);
    return text;
  }

  TemporaryDirectory directory_ = *TemporaryDirectory::create("godwit-logs");
  PodLogs logs_{directory_.path() / "logs"};
};

TEST_F(PodLogsTest, QemuSpeaksToo) {
  const auto qemu = directory_.path() / "qemu.log";
  ASSERT_TRUE(write_file(qemu, "2020-01-01T00:00:00.000001Z qemu-system-x86_64: hello\nwithout an end"));
  logs_.note("uid", "starts\nQEMU");
  logs_.add_qemu_log("uid", qemu);
  std::filesystem::remove(qemu);
  EXPECT_EQ(all(), "qemu-system-x86_64: hello\nstarts QEMU\nwithout an end\n");
  EXPECT_EQ(all({.limit_bytes = 4}), "qemu");
  EXPECT_THAT(all({.timestamps = true}), HasSubstr("2020-01-01T00:00:00.000001Z qemu-system-x86_64: hello\n"));
}

TEST_F(PodLogsTest, OfNoPodThereIsNone) {
  const auto sink = [](std::string_view) { return true; };
  EXPECT_EQ(logs_.stream("uid", {}, [] { return false; }, sink, {}).error().code, Code::not_found);
  EXPECT_EQ(logs_.stream("../logs", {}, [] { return false; }, sink, {}).error().code, Code::not_found);
}

TEST_F(PodLogsTest, GoWithTheirPods) {
  for (const char* uid : {"a", "b", "uid"}) logs_.note(uid, "x");
  logs_.remove("a");
  logs_.keep_only({"uid"});
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "logs/a"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "logs/b"));
  EXPECT_EQ(all(), "x\n");
}

TEST_F(PodLogsTest, FollowingEndsWithTheGuest) {
  logs_.note("uid", "first");
  std::atomic<bool> live = true;
  std::string text;
  std::jthread follower{[&] {
    (void)logs_.stream(
        "uid", {.follow = true, .tail_lines = 0}, [&] { return live.load(); },
        [&](std::string_view part) {
          text += part;
          if (part == "second\n") {
            logs_.note("uid", "last");
            live = false;
          }
          return true;
        },
        {});
  }};
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  logs_.note("uid", "second");
  follower.join();
  EXPECT_EQ(text, "second\nlast\n");
}

TEST_F(PodLogsTest, FollowingEndsWhenToldTo) {
  logs_.note("uid", "first");
  std::stop_source stop;
  std::jthread follower{[&] {
    (void)logs_.stream(
        "uid", {.follow = true}, [] { return true; }, [](std::string_view) { return true; }, stop.get_token());
  }};
  stop.request_stop();
}

}  // namespace
}  // namespace godwit::node
