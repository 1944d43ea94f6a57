// Lists in chunks, objects without their bodies, and one kind under two groups.
#include "api/api_test.hpp"

namespace godwit {
namespace {

using namespace kube::resources;

class ListsTest : public ApiTest {
 protected:
  void make(int count, int from = 0) const {
    for (int i = from; i < from + count; ++i) {
      json::Value object = json::Object{{"data", json::Object{{"number", std::to_string(i)}}}};
      json::set(object, "/metadata/name", json::Value("item-" + std::to_string(100 + i)));
      json::set(object, "/metadata/labels/parity", i % 2 == 0 ? "even" : "odd");
      ASSERT_TRUE(client_->create(config_maps, "default", object));
    }
  }
  http::Response ask(const std::string& target, const std::string& accept = "application/json") const {
    http::Request request;
    request.method = "GET";
    http::decode_target(target, request);
    request.headers.set("Accept", accept);
    auto response = client_->transport().send(request, Deadline::after(std::chrono::seconds{30}));
    EXPECT_TRUE(response) << response.error().error.message;
    return response ? std::move(*response) : http::Response{};
  }
  json::Value got(const std::string& target, const std::string& accept = "application/json") const {
    const auto response = ask(target, accept);
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body).value_or(json::Value(json::Object{}));
  }
  static std::string escaped(const std::string& token) {
    std::string out;
    for (const char c : token) out += c == '=' ? "%3D" : c == '+' ? "%2B" : c == '/' ? "%2F" : std::string{c};
    return out;
  }
  const std::string maps = "/api/v1/namespaces/default/configmaps";
  const std::string only_metadata =
      "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
      "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
};

TEST_F(ListsTest, ChunksShowWhatWasThereWhenTheFirstWasRead) {
  make(5);
  const auto first = got(maps + "?limit=2");
  EXPECT_EQ(json::array_at(first, "/items").size(), 2U);
  EXPECT_EQ(json::int_at(first, "/metadata/remainingItemCount"), 3);
  make(1, 50);
  ASSERT_TRUE(client_->remove(config_maps, {.ns = "default", .name = "item-103"}));
  std::vector<std::string> names;
  json::Value page = first;
  for (;;) {
    EXPECT_EQ(json::string_at(page, "/metadata/resourceVersion"), json::string_at(first, "/metadata/resourceVersion"));
    for (const json::Value& item : json::array_at(page, "/items"))
      names.push_back(json::string_at(item, "/metadata/name"));
    const auto next = json::string_at(page, "/metadata/continue");
    if (next.empty()) break;
    page = got(maps + "?limit=2&continue=" + escaped(next));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"item-100", "item-101", "item-102", "item-103", "item-104"}));
}

TEST_F(ListsTest, ChunksOfASelection) {
  make(6);
  auto page = got(maps + "?limit=2&labelSelector=parity%3Dodd");
  EXPECT_EQ(json::array_at(page, "/items").size(), 2U);
  EXPECT_EQ(json::find(page, "/metadata/remainingItemCount"), nullptr);
  page = got(maps +
             "?limit=2&labelSelector=parity%3Dodd&continue=" + escaped(json::string_at(page, "/metadata/continue")));
  ASSERT_EQ(json::array_at(page, "/items").size(), 1U);
  EXPECT_EQ(json::string_at(page, "/items/0/metadata/name"), "item-105");
  EXPECT_EQ(json::string_at(page, "/metadata/continue"), "");
}

TEST_F(ListsTest, AForgottenListGoesOnAsThingsAreNow) {
  make(5);
  const auto first = got(maps + "?limit=2");
  server_.reset();
  start();
  const auto expired = ask(maps + "?limit=2&continue=" + escaped(json::string_at(first, "/metadata/continue")));
  EXPECT_EQ(expired.status, 410);
  const auto status = json::parse(expired.body);
  ASSERT_TRUE(status);
  EXPECT_EQ(json::string_at(*status, "/reason"), "Expired");
  const auto rest = got(maps + "?continue=" + escaped(json::string_at(*status, "/metadata/continue")));
  ASSERT_EQ(json::array_at(rest, "/items").size(), 3U);
  EXPECT_EQ(json::string_at(rest, "/items/0/metadata/name"), "item-102");
  EXPECT_EQ(ask(maps + "?limit=2&continue=nonsense").status, 400);
  EXPECT_EQ(ask(maps + "?limit=few").status, 400);
}

TEST_F(ListsTest, KubectlReadsInChunks) {
  make(7);
  const Output all = kubectl({"get", "configmaps", "--chunk-size=3", "-o", "name"});
  EXPECT_TRUE(all.exit.ok()) << all.err;
  EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n'), 7) << all.out;
  const Output table = kubectl({"get", "configmaps", "--chunk-size=3"});
  EXPECT_NE(table.out.find("item-106"), std::string::npos) << table.out << table.err;
}

TEST_F(ListsTest, MetadataAlone) {
  make(2);
  const auto list = got(maps, only_metadata);
  EXPECT_EQ(json::string_at(list, "/kind"), "PartialObjectMetadataList");
  EXPECT_EQ(json::string_at(list, "/apiVersion"), "meta.k8s.io/v1");
  ASSERT_EQ(json::array_at(list, "/items").size(), 2U);
  EXPECT_EQ(json::string_at(list, "/items/0/kind"), "PartialObjectMetadata");
  EXPECT_EQ(json::string_at(list, "/items/0/metadata/labels/parity"), "even");
  EXPECT_EQ(json::find(list, "/items/0/data"), nullptr);
  const auto one = got(maps + "/item-100", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
  EXPECT_EQ(json::string_at(one, "/kind"), "PartialObjectMetadata");
  EXPECT_EQ(json::string_at(one, "/metadata/name"), "item-100");
  const auto watched = ask(maps + "?watch=true&timeoutSeconds=1", only_metadata).body;
  EXPECT_NE(watched.find(R"("kind":"PartialObjectMetadata")"), std::string::npos) << watched;
  EXPECT_EQ(watched.find("\"data\""), std::string::npos) << watched;
  EXPECT_EQ(json::string_at(
                got(maps + "/item-100", "application/json;as=Table;g=meta.k8s.io;v=v1beta1,application/json"), "/kind"),
            "ConfigMap");
}

TEST_F(ListsTest, EventsHaveTwoNames) {
  const auto made = client_->create(events, "default", *json::parse(R"({"metadata":{"name":"e1"},"involvedObject":{
      "kind":"Pod","name":"p","namespace":"default"},"reason":"Tested","message":"it was","type":"Normal","count":3,
      "source":{"component":"test"},"lastTimestamp":"2026-01-01T00:00:00Z"})"));
  ASSERT_TRUE(made) << made.error().message;
  const kube::Resource newer{"events.k8s.io", "v1", "events", "Event", true};
  const auto seen = client_->get(newer, {.ns = "default", .name = "e1"});
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(json::string_at(*seen, "/apiVersion"), "events.k8s.io/v1");
  EXPECT_EQ(json::string_at(*seen, "/regarding/name"), "p");
  EXPECT_EQ(json::string_at(*seen, "/note"), "it was");
  EXPECT_EQ(json::int_at(*seen, "/deprecatedCount"), 3);
  EXPECT_EQ(json::string_at(*seen, "/deprecatedSource/component"), "test");
  EXPECT_EQ(json::find(*seen, "/message"), nullptr);

  const auto newly = client_->create(newer, "default", *json::parse(R"({"metadata":{"name":"e2"},"regarding":{
      "kind":"Pod","name":"q","namespace":"default"},"reason":"Tested","note":"it was too","type":"Warning",
      "action":"Test","eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"test",
      "reportingInstance":"test-1"})"));
  ASSERT_TRUE(newly) << newly.error().message;
  EXPECT_EQ(json::string_at(*newly, "/note"), "it was too");
  const auto patched =
      client_->patch(newer, {.ns = "default", .name = "e2"}, kube::PatchType::strategic,
                     *json::parse(R"({"series":{"count":2,"lastObservedTime":"2026-01-01T00:00:01Z"}})"));
  ASSERT_TRUE(patched) << patched.error().message;
  const auto older = client_->get(events, {.ns = "default", .name = "e2"});
  ASSERT_TRUE(older) << older.error().message;
  EXPECT_EQ(json::string_at(*older, "/apiVersion"), "v1");
  EXPECT_EQ(json::string_at(*older, "/involvedObject/name"), "q");
  EXPECT_EQ(json::string_at(*older, "/message"), "it was too");
  EXPECT_EQ(json::string_at(*older, "/reportingComponent"), "test");
  EXPECT_EQ(json::int_at(*older, "/series/count"), 2);

  const auto selected = client_->list(newer, "default", {.label_selector = {}, .field_selector = "regarding.name=q"});
  ASSERT_TRUE(selected) << selected.error().message;
  ASSERT_EQ(selected->items.size(), 1U);
  const Output listed = kubectl({"get", "events.v1.events.k8s.io"});
  EXPECT_NE(listed.out.find("pod/q"), std::string::npos) << listed.out << listed.err;
  EXPECT_NE(kubectl({"get", "events"}).out.find("it was too"), std::string::npos);
  EXPECT_NE(kubectl({"explain", "events.note", "--api-version=events.k8s.io/v1"}).out.find("for people"),
            std::string::npos);
  EXPECT_TRUE(client_->remove(newer, {.ns = "default", .name = "e1"}));
  EXPECT_FALSE(client_->get(events, {.ns = "default", .name = "e1"}));
}

TEST_F(ListsTest, RefusalsNameTheObject) {
  const Output invalid = kubectl({"create", "--validate=false", "-f", "-"}, R"({"apiVersion":"kubevirt.io/v1","kind":
      "VirtualMachine","metadata":{"name":"vm1","namespace":"default"},"spec":{"runStrategy":7,"template":{}}})");
  EXPECT_NE(invalid.err.find("The VirtualMachine \"vm1\" is invalid: "), std::string::npos) << invalid.err;
  const auto missing = json::parse(ask(maps + "/nothere").body);
  ASSERT_TRUE(missing);
  EXPECT_EQ(json::string_at(*missing, "/details/name"), "nothere");
  EXPECT_EQ(json::string_at(*missing, "/details/kind"), "configmaps");
}

}  // namespace
}  // namespace godwit
