// Watches: from a version, across restarts, through selectors, and out of the past.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "api/api_test.hpp"

namespace godwit {
namespace {

using kube::resources::config_maps;
const kube::Key one{.ns = "default", .name = "one"};

json::Value config_map(const char* label) {
  return json::Object{{"metadata", json::Object{{"name", "one"}, {"labels", json::Object{{"app", label}}}}},
                      {"data", json::Object{{"a", "0"}}}};
}

class WatchTest : public ApiTest {
 protected:
  Result<json::Value> set(const char* pointer, const char* value) {
    json::Value patch = json::Object{};
    json::set(patch, pointer, value);
    return client_->patch(config_maps, one, kube::PatchType::merge, patch);
  }

  /// "ADDED 0", "MODIFIED 1", …: what a watch from the version tells, up to `count` events.
  std::vector<std::string> events_from(const std::string& version, const kube::ListOptions& options, std::size_t count,
                                       const std::function<void()>& meanwhile = {}) {
    std::vector<std::string> seen;
    std::stop_source stop;
    std::jthread late{[&](const std::stop_token& over) {  // a watch that stays silent must not hold the test up
      std::mutex mutex;
      std::unique_lock lock{mutex};
      std::condition_variable_any never;
      if (!never.wait_for(lock, over, std::chrono::seconds{30}, [] { return false; })) stop.request_stop();
    }};
    std::jthread changes{[&] {
      if (meanwhile) meanwhile();
    }};
    (void)client_->watch(
        config_maps, "default", version, options,
        [&](const kube::WatchEvent& event) {
          using enum kube::WatchEvent::Type;
          const char* word = event.type == added ? "ADDED " : event.type == modified ? "MODIFIED " : "DELETED ";
          if (event.type != bookmark) seen.push_back(word + json::string_at(event.object, "/data/a"));
          if (seen.size() >= count) stop.request_stop();
        },
        stop.get_token());
    return seen;
  }
  using Events = std::vector<std::string>;
};

TEST_F(WatchTest, SeesEveryChangeFromAVersionOn) {
  const auto before = client_->list(config_maps, "default");
  ASSERT_TRUE(before);
  const Events seen = events_from(before->resource_version, {}, 4, [&] {
    EXPECT_TRUE(client_->create(config_maps, "default", config_map("x")));
    EXPECT_TRUE(set("/data/a", "1"));
    EXPECT_TRUE(set("/data/a", "2"));
    EXPECT_TRUE(client_->remove(config_maps, one));
  });
  EXPECT_EQ(seen, (Events{"ADDED 0", "MODIFIED 1", "MODIFIED 2", "DELETED 2"}));
}

TEST_F(WatchTest, GoesOnAcrossARestart) {
  const auto made = client_->create(config_maps, "default", config_map("x"));
  ASSERT_TRUE(set("/data/a", "1"));
  ASSERT_TRUE(client_->remove(config_maps, one));
  server_.reset();
  start();
  EXPECT_EQ(events_from(json::string_at(*made, "/metadata/resourceVersion"), {}, 2),
            (Events{"MODIFIED 1", "DELETED 1"}));
}

TEST_F(WatchTest, BeginsWithWhatThereIsWhenNoVersionIsGiven) {
  ASSERT_TRUE(client_->create(config_maps, "default", config_map("x")));
  ASSERT_TRUE(set("/data/a", "1"));
  EXPECT_EQ(events_from("", {}, 1), (Events{"ADDED 1"}));
  EXPECT_EQ(events_from("0", {}, 1), (Events{"ADDED 1"}));
}

TEST_F(WatchTest, TellsWhatEntersAndLeavesASelection) {
  const auto made = client_->create(config_maps, "default", config_map("x"));
  ASSERT_TRUE(set("/metadata/labels/app", "wanted"));
  ASSERT_TRUE(set("/data/a", "1"));
  ASSERT_TRUE(set("/metadata/labels/app", "x"));
  ASSERT_TRUE(set("/data/a", "unseen"));
  ASSERT_TRUE(set("/metadata/labels/app", "wanted"));
  EXPECT_EQ(events_from(json::string_at(*made, "/metadata/resourceVersion"),
                        {.label_selector = "app=wanted", .field_selector = {}}, 4),
            (Events{"ADDED 0", "MODIFIED 1", "DELETED 1", "ADDED unseen"}));
}

TEST_F(WatchTest, ExpiresWhenItsVersionIsOfAnotherDatabase) {
  const auto refused = client_->watch(config_maps, "", "4000000000", {}, [](const kube::WatchEvent&) {}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::expired);
}

TEST_F(WatchTest, EndsByItselfAfterItsTime) {
  EXPECT_TRUE(client_->call("GET", "/api/v1/configmaps?watch=true&timeoutSeconds=1"));
}

TEST_F(WatchTest, RefusesSelectorsThatItCannotRead) {
  for (const char* wrong : {"a%3E1", "((", "a%20with%20(b)", "%3Db"}) {
    EXPECT_EQ(client_->call("GET", "/api/v1/pods?labelSelector=" + std::string{wrong}).error().code, Code::bad_request)
        << wrong;
  }
}

}  // namespace
}  // namespace godwit
