// The API's promises to programs: versions, patches, watches, durability, access.
#include <atomic>
#include <thread>

#include "api/api_test.hpp"

namespace godwit {
namespace {

using kube::resources::config_maps;
using kube::resources::namespaces;
const kube::Key one{.ns = "default", .name = "one"};

json::Value config_map(const char* name) {
  return json::Object{{"metadata", json::Object{{"name", name}}}, {"data", json::Object{{"a", "0"}}}};
}

TEST_F(ApiTest, PatchesWithoutAVersionAreAllApplied) {
  ASSERT_TRUE(client_->create(config_maps, "default", config_map("one")));
  constexpr int writers = 8;
  constexpr int each = 10;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < writers; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          json::Value patch = json::Object{};
          json::set(patch, "/data/k" + std::to_string(t) + "-" + std::to_string(i), "v");
          const auto patched = client_->patch(config_maps, one, kube::PatchType::merge, patch);
          EXPECT_TRUE(patched) << patched.error().message;
        }
      });
    }
  }
  EXPECT_EQ(json::object_at(*client_->get(config_maps, one), "/data").size(), writers * each + 1U);
}

TEST_F(ApiTest, UpdatesOfAnOldVersionConflict) {
  const auto made = client_->create(config_maps, "default", config_map("one"));
  ASSERT_TRUE(made);
  json::Value newer = *made;
  json::set(newer, "/data/a", "1");
  ASSERT_TRUE(client_->update(config_maps, newer));
  const auto stale = client_->update(config_maps, *made);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::conflict);
  EXPECT_NE(stale.error().message.find("the object has been modified"), std::string::npos);
}

TEST_F(ApiTest, GuardedPatchesApplyOrSurelyDoNot) {
  ASSERT_TRUE(client_->create(config_maps, "default", config_map("one")));
  const auto guarded = [&](const char* expected, const char* value) {
    const json::Value patch = json::Array{json::Object{{"op", "test"}, {"path", "/data/a"}, {"value", expected}},
                                          json::Object{{"op", "replace"}, {"path", "/data/a"}, {"value", value}}};
    return client_->guarded_patch(config_maps, one, patch, Deadline::after(std::chrono::seconds{10}));
  };
  EXPECT_TRUE(guarded("0", "1"));
  const auto refused = guarded("0", "2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().applied, kube::Applied::no);
  EXPECT_EQ(json::string_at(*client_->get(config_maps, one), "/data/a"), "1");
}

TEST_F(ApiTest, WatchesFromAVersionSeeEveryChange) {
  const auto before = client_->list(config_maps, "default");
  ASSERT_TRUE(before);
  std::stop_source stop;
  std::vector<std::string> seen;
  std::atomic<bool> listening = false;
  std::jthread watcher{[&] {
    listening = true;
    (void)client_->watch(
        config_maps, "default", before->resource_version, {},
        [&](const kube::WatchEvent& event) {
          seen.push_back(json::string_at(event.object, "/data/a"));
          if (event.type == kube::WatchEvent::Type::deleted) stop.request_stop();
        },
        stop.get_token());
  }};
  ASSERT_TRUE(client_->create(config_maps, "default", config_map("one")));
  for (const char* value : {"1", "2", "3"}) {
    json::Value patch = json::Object{};
    json::set(patch, "/data/a", value);
    ASSERT_TRUE(client_->patch(config_maps, one, kube::PatchType::merge, patch));
  }
  ASSERT_TRUE(client_->remove(config_maps, one));
  watcher.join();
  EXPECT_EQ(seen, (std::vector<std::string>{"0", "1", "2", "3", "3"}));
}

TEST_F(ApiTest, WatchesOfTheForgottenPastExpire) {
  server_.reset();
  start();
  const auto after_restart = client_->watch(config_maps, "", "1", {}, [](const kube::WatchEvent&) {}, {});
  ASSERT_FALSE(after_restart);
  EXPECT_EQ(after_restart.error().code, Code::expired);
}

TEST_F(ApiTest, FinalizersHoldAnObjectUntilTheyAreGone) {
  json::Value object = config_map("one");
  json::set(object, "/metadata/finalizers", json::Array{"test/hold"});
  ASSERT_TRUE(client_->create(config_maps, "default", object));
  ASSERT_TRUE(client_->remove(config_maps, one));
  EXPECT_NE(json::find(*client_->get(config_maps, one), "/metadata/deletionTimestamp"), nullptr);
  const json::Value patch = *json::parse(R"({"metadata":{"finalizers":null}})");
  ASSERT_TRUE(client_->patch(config_maps, one, kube::PatchType::merge, patch));
  EXPECT_EQ(client_->get(config_maps, one).error().code, Code::not_found);
}

TEST_F(ApiTest, DependentsGoWithTheirOwner) {
  const auto owner = client_->create(config_maps, "default", config_map("owner"));
  json::Value dependent = config_map("one");
  json::set(dependent, "/metadata/ownerReferences",
            json::Array{json::Object{{"apiVersion", "v1"},
                                     {"kind", "ConfigMap"},
                                     {"name", "owner"},
                                     {"uid", json::string_at(*owner, "/metadata/uid")}}});
  ASSERT_TRUE(client_->create(config_maps, "default", dependent));
  ASSERT_TRUE(client_->remove(config_maps, {.ns = "default", .name = "owner"}));
  const Deadline deadline = Deadline::after(std::chrono::seconds{20});
  while (client_->get(config_maps, one) && !deadline.passed())
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  EXPECT_EQ(client_->get(config_maps, one).error().code, Code::not_found);
}

TEST_F(ApiTest, KeepsEverythingAcrossARestart) {
  const auto made = client_->create(config_maps, "default", config_map("one"));
  server_.reset();
  start();
  const auto again = client_->get(config_maps, one);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *made);
  const auto newer = client_->create(config_maps, "default", config_map("two"));
  EXPECT_GT(std::stoull(json::string_at(*newer, "/metadata/resourceVersion")),
            std::stoull(json::string_at(*made, "/metadata/resourceVersion")));
}

TEST_F(ApiTest, NamesAndNamespacesAreChecked) {
  EXPECT_EQ(client_->create(config_maps, "default", config_map("Not_A_Name")).error().code, Code::invalid);
  EXPECT_EQ(client_->create(config_maps, "nowhere", config_map("one")).error().code, Code::not_found);
  ASSERT_TRUE(client_->create(config_maps, "default", config_map("one")));
  EXPECT_EQ(client_->create(config_maps, "default", config_map("one")).error().code, Code::already_exists);
}

TEST_F(ApiTest, StrangersAreRefused) {
  const auto config = kube::read_kubeconfig(server_->admin_kubeconfig());
  kube::Kubeconfig nobody = *config;
  nobody.client_certificate_pem.clear();
  nobody.client_key_pem.clear();
  const kube::Client stranger{*kube::connect(nobody)};
  EXPECT_EQ(stranger.get(namespaces, {.ns = {}, .name = "default"}).error().code, Code::unauthorized);
  EXPECT_EQ(*stranger.call("GET", "/healthz"), "ok");
  nobody.token = "wrong";
  const kube::Client liar{*kube::connect(nobody)};
  EXPECT_EQ(liar.get(namespaces, {.ns = {}, .name = "default"}).error().code, Code::unauthorized);
}

TEST_F(ApiTest, TwoServersCannotShareADataDirectory) {
  const auto second = apiserver::ApiServer::start({.data = directory_.path() / "server"});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::already_exists);
}

}  // namespace
}  // namespace godwit
