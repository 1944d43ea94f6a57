#include "node/pod_status.hpp"

#include <gtest/gtest.h>

namespace godwit::node {
namespace {

TEST(PodStatus, AnEndedContainerKeepsItsStart) {
  const WallTime begin = *parse_time("2026-12-01T10:00:00Z");
  json::Value pod = pod_running({"u1", "198.18.0.11"}, begin);
  json::set(pod, "/metadata", json::Object{{"uid", "u1"}});
  EXPECT_EQ(json::string_at(pod, "/status/containerStatuses/0/containerID"), "qemu://u1");
  const json::Value ended = pod_ended(pod, true, 0, "Completed", "gone", begin + std::chrono::seconds{5});
  const std::string terminated = "/status/containerStatuses/0/state/terminated";
  EXPECT_EQ(json::string_at(ended, terminated + "/startedAt"), "2026-12-01T10:00:00Z");
  EXPECT_EQ(json::string_at(ended, terminated + "/finishedAt"), "2026-12-01T10:00:05Z");
  EXPECT_EQ(json::string_at(ended, "/status/containerStatuses/0/containerID"), "qemu://u1");
}

TEST(PodStatus, OneThatNeverRanEndsAsItStarts) {
  const WallTime now = *parse_time("2026-12-01T10:00:00Z");
  const json::Value ended = pod_ended(json::Object{}, false, 1, "Error", "no QEMU", now);
  EXPECT_EQ(json::string_at(ended, "/status/containerStatuses/0/state/terminated/startedAt"), "2026-12-01T10:00:00Z");
}

}  // namespace
}  // namespace godwit::node
