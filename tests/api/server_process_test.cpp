// The program `godwit server` itself: what survives its death, and what it refuses to start with.
#include <signal.h>
#include <sqlite3.h>

#include <thread>

#include "api/server_process.hpp"
#include "base/text.hpp"

namespace godwit {
namespace {

using kube::resources::config_maps;

TEST_F(ServerProcessTest, WhatWasAcknowledgedSurvivesKill9) {
  constexpr int writers = 8;
  std::vector<std::vector<std::string>> acknowledged(writers);
  std::uint64_t newest = 0;
  {
    Process server = serve();
    const auto api = client();
    {
      std::atomic<int> begun = 0;
      std::vector<std::jthread> threads;
      for (int t = 0; t < writers; ++t) {
        threads.emplace_back([&, t] {
          for (int i = 0;; ++i) {
            const std::string name = "c" + std::to_string(t) + "-" + std::to_string(i);
            const auto made =
                api->create(config_maps, "default", json::Object{{"metadata", json::Object{{"name", name}}}});
            if (!made) return;  // it was killed
            acknowledged[static_cast<std::size_t>(t)].push_back(name);
            ++begun;
          }
        });
      }
      const Deadline deadline = Deadline::after(std::chrono::seconds{60});
      while (begun < 200 && !deadline.passed()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
      ASSERT_TRUE(server.signal(SIGKILL));
    }
    ASSERT_TRUE(server.wait(Deadline::after(std::chrono::seconds{20})));
  }
  Process again = serve();
  const auto api = client();
  for (const auto& names : acknowledged) {
    for (const std::string& name : names) {
      const auto found = api->get(config_maps, {.ns = "default", .name = name});
      ASSERT_TRUE(found) << name << " was acknowledged and is lost";
      newest =
          std::max(newest, parse_number<std::uint64_t>(json::string_at(*found, "/metadata/resourceVersion")).value());
    }
  }
  const auto next = api->create(config_maps, "default", json::Object{{"metadata", json::Object{{"name", "next"}}}});
  ASSERT_TRUE(next);
  EXPECT_GT(parse_number<std::uint64_t>(json::string_at(*next, "/metadata/resourceVersion")).value(), newest);
}

TEST_F(ServerProcessTest, RefusesADataDirectoryThatIsInUse) {
  const Process server = serve();
  EXPECT_NE(refusal("127.0.0.1:0").find("is in use by another godwit server"), std::string::npos);
}

TEST_F(ServerProcessTest, RefusesAPortThatIsInUse) {
  auto other = apiserver::ApiServer::start({.data = directory_.path() / "other"});
  ASSERT_TRUE(other);
  const std::string said = refusal("127.0.0.1:" + std::to_string((*other)->port()));
  EXPECT_NE(said.find(std::to_string((*other)->port())), std::string::npos) << said;
  EXPECT_NE(said.find("in use"), std::string::npos) << said;
}

TEST_F(ServerProcessTest, RefusesTheDatabaseOfANewerVersion) {
  ASSERT_TRUE(make_directory(data()));
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((data() / "godwit.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  const std::string said = refusal("127.0.0.1:0");
  EXPECT_NE(said.find("newer version of Godwit"), std::string::npos) << said;
}

TEST_F(ServerProcessTest, EndsWhenToldEvenWithAWatchOpen) {
  Process server = serve();
  const auto api = client();
  std::stop_source stop;
  std::jthread watcher{
      [&] { (void)api->watch(config_maps, "", "", {}, [](const kube::WatchEvent&) {}, stop.get_token()); }};
  ASSERT_TRUE(server.signal(SIGTERM));
  const auto ended = server.wait(Deadline::after(std::chrono::seconds{60}));
  stop.request_stop();
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_TRUE(ended->ok());
}

}  // namespace
}  // namespace godwit
