// What is expected here is what kubectl 1.32 makes of the same objects (`kubectl patch --local`), where it has an
// opinion.
#include <gtest/gtest.h>

#include "json/patch.hpp"

namespace godwit::json {
namespace {

Value must(std::string_view text) {
  auto value = parse(text);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().message);
  return value ? *value : Value();
}

/// The lists of a Pod and a Node that merge, in one object.
const Schema& schema() {
  static const auto parsed = Schema::parse(must(R"({"type":"object","properties":{"spec":{"type":"object",
    "x-kubernetes-preserve-unknown-fields":true,"properties":{
      "nodeSelector":{"type":"object","x-kubernetes-map-type":"atomic","additionalProperties":{"type":"string"}},
      "tolerations":{"type":"array","x-kubernetes-list-type":"atomic","items":{"type":"object"}},
      "volumes":{"type":"array","x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge,retainKeys",
        "items":{"type":"object","x-kubernetes-preserve-unknown-fields":true}},
      "containers":{"type":"array","x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge",
        "items":{"type":"object","properties":{"name":{"type":"string"},"image":{"type":"string"},
          "args":{"type":"array","items":{"type":"string"}},
          "env":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],
            "items":{"type":"object"}}}}}}}}})"));
  return *parsed;
}

struct Case {
  std::string_view name, target, patch, result;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Strategic : public testing::TestWithParam<Case> {};

TEST_P(Strategic, MergesAsKubectlDoes) {
  const auto& c = GetParam();
  const auto result = strategic_merge(must(c.target), must(c.patch), schema());
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(write(*result), write(must(c.result)));
}

std::string name_of(const testing::TestParamInfo<Case>& info) { return std::string{info.param.name}; }

constexpr std::string_view two = R"({"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}})";

INSTANTIATE_TEST_SUITE_P(
    Lists, Strategic,
    testing::Values(
        Case{"item_by_key", two, R"({"spec":{"containers":[{"name":"b","image":"9"}]}})",
             R"({"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"9"}]}})"},
        Case{"new_item_comes_first", two, R"({"spec":{"containers":[{"name":"c","image":"3"}]}})",
             R"({"spec":{"containers":[{"name":"c","image":"3"},{"name":"a","image":"1"},{"name":"b","image":"2"}]}})"},
        Case{"new_item_by_order", two,
             R"({"spec":{"$setElementOrder/containers":[{"name":"a"},{"name":"b"},{"name":"c"}],
                 "containers":[{"name":"c","image":"3"}]}})",
             R"({"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"},{"name":"c","image":"3"}]}})"},
        Case{"order_alone", two, R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}]}})",
             R"({"spec":{"containers":[{"name":"b","image":"2"},{"name":"a","image":"1"}]}})"},
        Case{
            "order_keeps_foreign_items_in_place",
            R"({"spec":{"containers":[{"name":"a"},{"name":"x"},{"name":"b"},{"name":"y"}]}})",
            R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],"containers":[{"name":"a","image":"1"}]}})",
            R"({"spec":{"containers":[{"name":"x"},{"name":"b"},{"name":"a","image":"1"},{"name":"y"}]}})"},
        Case{"delete_item", two, R"({"spec":{"containers":[{"$patch":"delete","name":"a"}]}})",
             R"({"spec":{"containers":[{"name":"b","image":"2"}]}})"},
        Case{"replace_list", two, R"({"spec":{"containers":[{"name":"c","image":"3"},{"$patch":"replace"}]}})",
             R"({"spec":{"containers":[{"name":"c","image":"3"}]}})"},
        Case{"delete_with_order", two,
             R"({"spec":{"$setElementOrder/containers":[{"name":"b"}],"containers":[{"$patch":"delete","name":"a"}]}})",
             R"({"spec":{"containers":[{"name":"b","image":"2"}]}})"},
        Case{"empty_list_changes_nothing", two, R"({"spec":{"containers":[]}})", two},
        Case{"null_removes_list", two, R"({"spec":{"containers":null}})", R"({"spec":{}})"},
        Case{
            "list_in_list", R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"}],"args":["p"]}]}})",
            R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"2"},{"name":"Y","value":"3"}],"args":["q"]}]}})",
            R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"2"},{"name":"Y","value":"3"}],"args":["q"]}]}})"},
        Case{"atomic_list_is_replaced", R"({"spec":{"tolerations":[{"key":"a"},{"key":"b"}]}})",
             R"({"spec":{"tolerations":[{"key":"c"}]}})", R"({"spec":{"tolerations":[{"key":"c"}]}})"},
        Case{"list_that_was_not_there", R"({"spec":{}})",
             R"({"spec":{"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"a","image":null}]}})",
             R"({"spec":{"containers":[{"name":"a"}]}})"},
        Case{"owner_references_by_uid", R"({"metadata":{"ownerReferences":[{"uid":"1","name":"a"}]}})",
             R"({"metadata":{"ownerReferences":[{"uid":"2","name":"b"},{"uid":"1","$patch":"delete"}]}})",
             R"({"metadata":{"ownerReferences":[{"uid":"2","name":"b"}]}})"},
        Case{"unknown_list_by_its_order", R"({"spec":{"foreign":[{"id":1,"v":1},{"id":2}]}})",
             R"({"spec":{"$setElementOrder/foreign":[{"id":1},{"id":2}],"foreign":[{"id":2,"v":2}]}})",
             R"({"spec":{"foreign":[{"id":1,"v":1},{"id":2,"v":2}]}})"},
        Case{"unknown_list_is_replaced", R"({"spec":{"foreign":[{"id":1}]}})", R"({"spec":{"foreign":[{"id":2}]}})",
             R"({"spec":{"foreign":[{"id":2}]}})"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Scalars, Strategic,
    testing::Values(
        Case{"set_grows", R"({"metadata":{"finalizers":["a","b"]}})", R"({"metadata":{"finalizers":["b","c"]}})",
             R"({"metadata":{"finalizers":["a","b","c"]}})"},
        Case{"delete_from_set", R"({"metadata":{"finalizers":["a","b"]}})",
             R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"],"$setElementOrder/finalizers":["b"]}})",
             R"({"metadata":{"finalizers":["b"]}})"},
        Case{"delete_and_add", R"({"metadata":{"finalizers":["a","b"]}})",
             R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"],"$setElementOrder/finalizers":["c","b"],
                 "finalizers":["c"]}})",
             R"({"metadata":{"finalizers":["c","b"]}})"},
        Case{"delete_from_nothing", R"({"metadata":{}})",
             R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}})", R"({"metadata":{}})"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Maps, Strategic,
    testing::Values(
        Case{"merge_and_null", R"({"metadata":{"labels":{"a":"1","b":"2"}}})",
             R"({"metadata":{"labels":{"a":null,"c":"3"}}})", R"({"metadata":{"labels":{"b":"2","c":"3"}}})"},
        Case{"null_in_a_new_map", R"({"metadata":{}})", R"({"metadata":{"labels":{"a":null,"c":"3"}}})",
             R"({"metadata":{"labels":{"c":"3"}}})"},
        Case{"patch_replace", R"({"spec":{"free":{"a":1,"b":2}}})", R"({"spec":{"free":{"$patch":"replace","c":3}}})",
             R"({"spec":{"free":{"c":3}}})"},
        Case{"patch_delete", R"({"spec":{"free":{"a":1}}})", R"({"spec":{"free":{"$patch":"delete"}}})",
             R"({"spec":{"free":{}}})"},
        Case{"patch_merge", R"({"spec":{"free":{"a":1}}})", R"({"spec":{"free":{"$patch":"merge","b":2}}})",
             R"({"spec":{"free":{"a":1,"b":2}}})"},
        Case{"map_of_server_side_apply", R"({"spec":{"nodeSelector":{"a":"1"}}})",
             R"({"spec":{"nodeSelector":{"b":"2"}}})", R"({"spec":{"nodeSelector":{"a":"1","b":"2"}}})"},
        Case{"other_type_is_replaced", R"({"spec":{"free":[1]}})", R"({"spec":{"free":{"a":1}}})",
             R"({"spec":{"free":{"a":1}}})"},
        Case{"scalar", R"({"spec":{"unschedulable":false}})", R"({"spec":{"unschedulable":true}})",
             R"({"spec":{"unschedulable":true}})"},
        Case{"retain_keys", R"({"spec":{"volumes":[{"name":"v","emptyDir":{}}]}})",
             R"({"spec":{"volumes":[{"$retainKeys":["hostPath","name"],"name":"v","hostPath":{"path":"/x"}}]}})",
             R"({"spec":{"volumes":[{"name":"v","hostPath":{"path":"/x"}}]}})"},
        Case{"retain_keys_in_a_new_item", R"({"spec":{}})",
             R"({"spec":{"volumes":[{"$retainKeys":["emptyDir","name"],"name":"v","emptyDir":{}}]}})",
             R"({"spec":{"volumes":[{"name":"v","emptyDir":{}}]}})"}),
    name_of);

TEST(StrategicMerge, RefusesMalformedPatches) {
  const struct {
    std::string_view patch, message;
  } cases[] = {
      {"[]", "must be an object"},
      {R"({"spec":{"containers":[{"image":"x"}]}})", "spec: containers"},
      {R"({"spec":{"free":{"$patch":"spam"}}})", "unknown $patch \"spam\""},
      {R"({"spec":{"$setElementOrder/containers":{}}})", "must be a list"},
      {R"({"spec":{"$deleteFromPrimitiveList/x":1}})", "must be a list"},
      {R"({"spec":{"volumes":[{"$retainKeys":["name"],"name":"v","emptyDir":{}}]}})", "does not list \"emptyDir\""},
  };
  for (const auto& c : cases) {
    const auto result = strategic_merge(must(two), must(c.patch), schema());
    ASSERT_FALSE(result) << c.patch;
    EXPECT_EQ(result.error().code, Code::bad_request);
    EXPECT_NE(result.error().message.find(c.message), std::string::npos) << result.error().message;
  }
}

}  // namespace
}  // namespace godwit::json
