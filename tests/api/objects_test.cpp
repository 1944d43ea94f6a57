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
  constexpr int writers = 40;
  constexpr int each = 5;
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

TEST_F(ApiTest, ANamespaceGoesOnlyWhenItIsEmptyAndTakesNothingNew) {
  const auto make = [&](const char* name) {
    return client_->create(namespaces, {}, *json::parse(R"({"metadata":{"name":")" + std::string{name} + R"("}})"));
  };
  ASSERT_TRUE(make("brief"));
  json::Value held = config_map("held");
  json::set(held, "/metadata/finalizers", json::Array{"test/hold"});
  ASSERT_TRUE(client_->create(config_maps, "brief", held));
  ASSERT_TRUE(client_->create(config_maps, "brief", config_map("free")));
  ASSERT_TRUE(client_->remove(namespaces, {.ns = {}, .name = "brief"}));
  const auto late = client_->create(config_maps, "brief", config_map("late"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::forbidden);
  const Deadline deadline = Deadline::after(std::chrono::seconds{20});
  while (client_->get(config_maps, {.ns = "brief", .name = "free"}) && !deadline.passed())
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  EXPECT_TRUE(client_->get(namespaces, {.ns = {}, .name = "brief"}));
  ASSERT_TRUE(client_->patch(config_maps, {.ns = "brief", .name = "held"}, kube::PatchType::merge,
                             *json::parse(R"({"metadata":{"finalizers":null}})")));
  while (client_->get(namespaces, {.ns = {}, .name = "brief"}) && !deadline.passed())
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  EXPECT_EQ(client_->get(namespaces, {.ns = {}, .name = "brief"}).error().code, Code::not_found);
  EXPECT_EQ(client_->remove(namespaces, {.ns = {}, .name = "default"}).error().code, Code::forbidden);
}

TEST_F(ApiTest, OnlyOneOfManySchedulersBindsAPod) {
  ASSERT_TRUE(client_->create(kube::resources::pods, "default",
                              *json::parse(R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c"}]}})")));
  std::atomic<int> bound = 0;
  {
    std::vector<std::jthread> schedulers;
    for (int t = 0; t < 16; ++t) {
      schedulers.emplace_back([&, t] {
        const std::string body = R"({"target":{"kind":"Node","name":"n)" + std::to_string(t) + R"("}})";
        const auto answer = client_->call("POST", "/api/v1/namespaces/default/pods/p/binding", body);
        if (answer) ++bound;
        EXPECT_TRUE(answer || answer.error().code == Code::conflict) << answer.error().message;
      });
    }
  }
  EXPECT_EQ(bound, 1);
}

TEST_F(ApiTest, ManyCreatorsOfOneNameLeaveOneObject) {
  std::atomic<int> made = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 16; ++t) {
      threads.emplace_back([&] {
        const auto created = client_->create(config_maps, "default", config_map("one"));
        if (created) ++made;
        EXPECT_TRUE(created || created.error().code == Code::already_exists);
      });
    }
  }
  EXPECT_EQ(made, 1);
}

TEST_F(ApiTest, TwoServersCannotShareADataDirectory) {
  const auto second = apiserver::ApiServer::start({.data = directory_.path() / "server"});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::already_exists);
}

}  // namespace
}  // namespace godwit
