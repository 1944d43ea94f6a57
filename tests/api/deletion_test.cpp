// Owners and what depends on them: deleted in the background, in the foreground, or left behind.
#include <thread>

#include "api/api_test.hpp"

namespace godwit {
namespace {

using kube::resources::config_maps;

class DeletionTest : public ApiTest {
 protected:
  json::Value make(const std::string& name, const json::Value* owner = nullptr, bool held = false) const {
    json::Value object = json::Object{};
    json::set(object, "/metadata/name", json::Value(name));
    if (held) json::set(object, "/metadata/finalizers", json::Array{json::Value("example.org/held")});
    if (owner != nullptr) {
      json::set(object, "/metadata/ownerReferences",
                json::Array{json::Object{{"apiVersion", "v1"},
                                         {"kind", "ConfigMap"},
                                         {"name", json::string_at(*owner, "/metadata/name")},
                                         {"uid", json::string_at(*owner, "/metadata/uid")},
                                         {"blockOwnerDeletion", true}}});
    }
    const auto made = client_->create(config_maps, "default", object);
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(json::Value(json::Object{}));
  }
  bool exists(const std::string& name) const {
    return client_->get(config_maps, {.ns = "default", .name = name}).has_value();
  }
  bool goes(const std::string& name) const {
    const Deadline patience = Deadline::after(std::chrono::seconds{20});
    while (exists(name) && !patience.passed()) std::this_thread::sleep_for(std::chrono::milliseconds{10});
    return !exists(name);
  }
  void release(const std::string& name) const {
    EXPECT_TRUE(client_->patch(config_maps, {.ns = "default", .name = name}, kube::PatchType::merge,
                               *json::parse(R"({"metadata":{"finalizers":null}})")));
  }
  void remove(const std::string& name, const std::string& policy) const {
    const auto done =
        client_->call("DELETE", "/api/v1/namespaces/default/configmaps/" + name + "?propagationPolicy=" + policy);
    EXPECT_TRUE(done) << done.error().message;
  }
};

TEST_F(DeletionTest, OrphansStayAndKnowTheirOwnerNoMore) {
  const auto owner = make("owner");
  make("child", &owner);
  const Output deleted = kubectl({"delete", "configmap", "owner", "--cascade=orphan"});
  EXPECT_TRUE(deleted.exit.ok()) << deleted.err;
  EXPECT_TRUE(goes("owner"));
  std::this_thread::sleep_for(std::chrono::milliseconds{300});  // should the collector be after it
  const auto child = client_->get(config_maps, {.ns = "default", .name = "child"});
  ASSERT_TRUE(child);
  EXPECT_EQ(json::find(*child, "/metadata/ownerReferences"), nullptr);
  EXPECT_EQ(json::find(*child, "/metadata/deletionTimestamp"), nullptr);
}

TEST_F(DeletionTest, InTheForegroundTheOwnerGoesLast) {
  const auto owner = make("owner");
  const auto child = make("child", &owner);
  make("grandchild", &child, true);
  remove("owner", "Foreground");
  const Deadline patience = Deadline::after(std::chrono::seconds{20});
  const auto is_deleting = [&](const std::string& name) {
    const auto object = client_->get(config_maps, {.ns = "default", .name = name});
    return object && json::find(*object, "/metadata/deletionTimestamp") != nullptr;
  };
  while (!is_deleting("grandchild") && !patience.passed()) std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_TRUE(is_deleting("owner"));
  EXPECT_TRUE(is_deleting("child"));
  EXPECT_TRUE(is_deleting("grandchild"));
  release("grandchild");
  EXPECT_TRUE(goes("owner"));
  EXPECT_FALSE(exists("child"));
  EXPECT_FALSE(exists("grandchild"));
}

TEST_F(DeletionTest, InTheForegroundWithNobodyItGoesAtOnce) {
  make("owner");
  const Output deleted = kubectl({"delete", "configmap", "owner", "--cascade=foreground"});
  EXPECT_TRUE(deleted.exit.ok()) << deleted.err;
  EXPECT_TRUE(goes("owner"));
}

TEST_F(DeletionTest, ASecondWordWins) {
  const auto owner = make("owner");
  make("child", &owner, true);
  remove("owner", "Foreground");
  EXPECT_TRUE(exists("owner"));
  remove("owner", "Background");
  EXPECT_TRUE(goes("owner"));
  EXPECT_TRUE(exists("child"));
  release("child");
  EXPECT_TRUE(goes("child"));
}

TEST_F(DeletionTest, AnUnfinishedOneIsFinishedByTheNextServer) {
  const auto owner = make("owner");
  make("child", &owner, true);
  remove("owner", "Foreground");
  server_.reset();
  start();
  EXPECT_TRUE(exists("owner"));
  release("child");
  EXPECT_TRUE(goes("owner"));
}

TEST_F(DeletionTest, AnUnknownPolicyIsRefused) {
  make("owner");
  EXPECT_EQ(client_->call("DELETE", "/api/v1/namespaces/default/configmaps/owner?propagationPolicy=Later").error().code,
            Code::invalid);
  EXPECT_TRUE(exists("owner"));
}

}  // namespace
}  // namespace godwit
