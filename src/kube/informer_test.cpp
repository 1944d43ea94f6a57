#include "kube/informer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>

#include <fmt/format.h>

#include "kube/event_counts.hpp"
#include "kube/watch_lines.hpp"

namespace godwit::kube {
namespace {

/// Plays an API server at the level of requests: scripted lists, and watches fed by the test.
class FakeServer : public http::Client {
 public:
  tl::expected<http::Response, http::TransportError> send(const http::Request&, Deadline) override {
    const std::lock_guard lock{mutex};
    ++lists;
    if (refuse_lists > 0) {
      --refuse_lists;
      return tl::unexpected(http::TransportError{{Code::unavailable, "connection refused", {}}, http::Sent::no});
    }
    return http::Response{200, {}, list};
  }
  tl::expected<http::Response, http::TransportError> stream(const http::Request& request,
                                                            const std::function<bool(std::string_view)>& on_bytes,
                                                            const std::stop_token& stop) override {
    {
      const std::lock_guard lock{mutex};
      versions.push_back(request.query_value("resourceVersion"));
    }
    while (!stop.stop_requested()) {
      std::unique_lock lock{mutex};
      if (!changed.wait(lock, stop, [this] { return !chunks.empty(); })) break;
      const auto chunk = std::move(chunks.front());
      chunks.pop_front();
      lock.unlock();
      if (chunk.empty()) break;  // the server closes
      if (!on_bytes(chunk)) break;
    }
    return http::Response{200, {}, ""};
  }
  const http::ClientOptions& options() const override { return options_; }

  void feed(std::string chunk) {
    const std::lock_guard lock{mutex};
    chunks.push_back(std::move(chunk));
    changed.notify_all();
  }
  void set_list(std::string text) {
    const std::lock_guard lock{mutex};
    list = std::move(text);
  }
  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<std::string> chunks;
  std::string list = R"({"metadata":{"resourceVersion":"1"},"items":[]})";
  std::vector<std::string> versions;
  int lists = 0;
  int refuse_lists = 0;

 private:
  http::ClientOptions options_;
};

std::string pod(const std::string& name, int version, const std::string& uid = "u") {
  return fmt::format(R"({{"metadata":{{"namespace":"n","name":"{}","uid":"{}","resourceVersion":"{}"}}}})", name, uid,
                     version);
}
std::string event(const std::string& type, const std::string& object) {
  return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
}
std::string list_of(int version, const std::vector<std::string>& items) {
  return fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}},"items":[{}]}})", version, fmt::join(items, ","));
}

class InformerTest : public testing::Test {
 protected:
  void start() {
    informer = std::make_unique<Informer>(
        client, resources::pods, ListOptions{}, [this](const ObjectPtr& before, const ObjectPtr& after) {
          const auto& object = after ? *after : *before;
          const std::lock_guard lock{mutex};
          log.push_back(fmt::format("{}{}@{}",
                                    !before  ? "+"
                                    : !after ? "-"
                                             : "~",
                                    json::string_at(object, "/metadata/name"),
                                    json::string_at(object, "/metadata/resourceVersion")));
        });
  }
  bool log_becomes(const std::vector<std::string>& expected) {
    const auto deadline = Deadline::after(std::chrono::seconds{10});
    while (!deadline.passed()) {
      {
        const std::lock_guard lock{mutex};
        if (log == expected) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    const std::lock_guard lock{mutex};
    ADD_FAILURE() << fmt::format("{}", fmt::join(log, " "));
    return false;
  }
  std::shared_ptr<FakeServer> server = std::make_shared<FakeServer>();
  Client client{server};
  std::mutex mutex;
  std::vector<std::string> log;
  std::unique_ptr<Informer> informer;
};

TEST_F(InformerTest, ListsThenWatches) {
  server->set_list(list_of(5, {pod("a", 3), pod("b", 4)}));
  start();
  ASSERT_TRUE(informer->wait_synced(Deadline::after(std::chrono::seconds{10}), {}));
  EXPECT_EQ(json::string_at(*informer->get({"n", "a"}), "/kind"), "Pod");  // lists leave it out
  const auto line = event("MODIFIED", pod("a", 6));
  server->feed(line.substr(0, 20));
  server->feed(line.substr(20) + event("DELETED", pod("b", 7)) + event("ADDED", pod("c", 8)));
  EXPECT_TRUE(log_becomes({"+a@3", "+b@4", "~a@6", "-b@4", "+c@8"}));
  EXPECT_EQ(informer->get({"n", "b"}), nullptr);
  EXPECT_EQ(informer->list().size(), 2U);
}

TEST_F(InformerTest, GoesOnFromWhereAWatchEnded) {
  server->set_list(list_of(5, {}));
  start();
  server->feed(event("ADDED", pod("a", 6)));
  server->feed(event("BOOKMARK", R"({"metadata":{"resourceVersion":"9"}})"));
  server->feed("");
  server->feed(event("ADDED", pod("b", 10)));
  EXPECT_TRUE(log_becomes({"+a@6", "+b@10"}));
  const std::lock_guard lock{server->mutex};
  EXPECT_EQ(server->lists, 1);
  EXPECT_EQ(server->versions, (std::vector<std::string>{"5", "9"}));
}

TEST_F(InformerTest, ListsAgainAfter410AndTellsTheDifference) {
  server->set_list(list_of(5, {pod("a", 1), pod("b", 2), pod("same", 3), pod("anew", 4, "old")}));
  start();
  ASSERT_TRUE(informer->wait_synced(Deadline::after(std::chrono::seconds{10}), {}));
  server->set_list(list_of(20, {pod("a", 11), pod("same", 3), pod("anew", 12, "new"), pod("c", 13)}));
  server->feed(event("ERROR", R"({"kind":"Status","code":410,"reason":"Expired","message":"too old"})"));
  EXPECT_TRUE(log_becomes({"+a@1", "+b@2", "+same@3", "+anew@4", "-b@2", "~a@11", "-anew@4", "+anew@12", "+c@13"}));
}

TEST_F(InformerTest, KeepsTryingToList) {
  server->refuse_lists = 2;
  start();
  EXPECT_TRUE(informer->wait_synced(Deadline::after(std::chrono::seconds{20}), {}));
}

TEST(WatchLines, RefusesWhatIsNoEvent) {
  const std::function<void(WatchEvent)> ignore = [](WatchEvent) {};
  for (const auto* text : {"{]\n", "{\"type\":\"ODD\",\"object\":{}}\n", "{\"type\":\"ADDED\"}\n"}) {
    WatchLines lines{ignore};
    EXPECT_FALSE(lines.feed(text));
    EXPECT_TRUE(lines.error());
  }
}

TEST(EventCounts, RepeatsBecomeOneEvent) {
  EventCounts counts{"tester", ""};
  const json::Value about = json::Object{{"kind", "Pod"}, {"namespace", "n"}, {"name", "p"}, {"uid", "u"}};
  const WallTime start{};
  const auto first = counts.next({about, "Warning", "R", "m", start}, "p.1");
  const auto again = counts.next({about, "Warning", "R", "m", start + std::chrono::seconds{5}}, "p.2");
  const auto other = counts.next({about, "Warning", "R", "different", start}, "p.3");
  EXPECT_EQ(first.count, 1);
  EXPECT_EQ(again.count, 2);
  EXPECT_EQ(again.key, first.key);
  EXPECT_EQ(json::string_at(again.body, "/firstTimestamp"), "1970-01-01T00:00:00Z");
  EXPECT_EQ(json::string_at(again.body, "/lastTimestamp"), "1970-01-01T00:00:05Z");
  EXPECT_EQ(other.key, (Key{"n", "p.3"}));
  const auto cluster = counts.next({json::Object{{"kind", "Node"}, {"name", "a"}}, "Normal", "R", "m", start}, "a.1");
  EXPECT_EQ(cluster.key.ns, "default");
}

}  // namespace
}  // namespace godwit::kube
