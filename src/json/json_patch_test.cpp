#include <gtest/gtest.h>

#include "json/patch.hpp"

namespace godwit::json {
namespace {

Value must(std::string_view text) {
  auto value = parse(text);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().message);
  return value ? *value : Value();
}

TEST(MergePatch, FollowsRfc7386) {
  const struct {
    std::string_view target, patch, result;
  } cases[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", "{}"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", "null", "null"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& c : cases) EXPECT_EQ(write(merge_patch(must(c.target), must(c.patch))), c.result) << c.patch;
}

TEST(JsonPatch, AppliesOperations) {
  const struct {
    std::string_view target, patch, result;
  } cases[] = {
      {R"({"a":1})", R"([{"op":"add","path":"/b","value":2}])", R"({"a":1,"b":2})"},
      {R"({"a":[1,3]})", R"([{"op":"add","path":"/a/1","value":2}])", R"({"a":[1,2,3]})"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/-","value":[2]}])", R"({"a":[1,[2]]})"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/1","value":2}])", R"({"a":[1,2]})"},
      {R"({"a":1})", R"([{"op":"add","path":"/a","value":{"b":[]}}])", R"({"a":{"b":[]}})"},
      {R"({"a":1})", R"([{"op":"add","path":"","value":[1]}])", "[1]"},
      {R"({"a":1,"b":2,"c":3})", R"([{"op":"remove","path":"/a"}])", R"({"b":2,"c":3})"},
      {R"({"a":[1,2,3]})", R"([{"op":"remove","path":"/a/1"}])", R"({"a":[1,3]})"},
      {R"({"a":1})", R"([{"op":"replace","path":"/a","value":null}])", R"({"a":null})"},
      {R"({"a":1})", R"([{"op":"replace","path":"","value":2}])", "2"},
      {R"({"a":{"b":1},"c":{}})", R"([{"op":"move","from":"/a/b","path":"/c/d"}])", R"({"a":{},"c":{"d":1}})"},
      {R"({"a":[1,2,3]})", R"([{"op":"move","from":"/a/0","path":"/a/2"}])", R"({"a":[2,3,1]})"},
      {R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":"/a"}])", R"({"a":{"b":1}})"},
      {R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/c"}])", R"({"a":{"b":1},"c":{"b":1}})"},
      {R"({"a":"x"})", R"([{"op":"test","path":"/a","value":"x"},{"op":"remove","path":"/a"}])", "{}"},
      {R"({"a":1})", R"([{"op":"test","path":"/a","value":1.0}])", R"({"a":1})"},
      {R"({"a":{"x":1,"y":[2]}})", R"([{"op":"test","path":"/a","value":{"y":[2],"x":1}}])",
       R"({"a":{"x":1,"y":[2]}})"},
      {R"({"a":1})", R"([{"op":"test","path":"/b","value":null}])", R"({"a":1})"},
      {R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10},{"op":"remove","path":"/~1"}])",
       R"({"~1":10})"},
      {R"({"a":1})", R"([{"op":"add","path":"/b","value":1,"unknown":"ignored"}])", R"({"a":1,"b":1})"},
      {R"({"a":1})", "[]", R"({"a":1})"},
  };
  for (const auto& c : cases) {
    const auto result = json_patch(must(c.target), must(c.patch));
    ASSERT_TRUE(result) << c.patch << ": " << result.error().message;
    EXPECT_EQ(write(*result), c.result) << c.patch;
  }
}

TEST(JsonPatch, RefusesWhatCannotBeApplied) {
  const struct {
    std::string_view patch;
    Code code;
    std::string_view message;
  } cases[] = {
      {R"([{"op":"add","path":"/x/y","value":1}])", Code::invalid, "operation 0: the path \"/x/y\" does not exist"},
      {R"([{"op":"add","path":"/list/3","value":1}])", Code::invalid, "does not exist"},
      {R"([{"op":"add","path":"/list/01","value":1}])", Code::invalid, "does not exist"},
      {R"([{"op":"add","path":"/a/b","value":1}])", Code::invalid, "does not exist"},
      {R"([{"op":"remove","path":"/x"}])", Code::invalid, "does not exist"},
      {R"([{"op":"remove","path":"/list/-"}])", Code::invalid, "does not exist"},
      {R"([{"op":"replace","path":"/x","value":1}])", Code::invalid, "does not exist"},
      {R"([{"op":"test","path":"/a","value":"1"}])", Code::invalid, "testing value /a failed"},
      {R"([{"op":"test","path":"/a","value":null}])", Code::invalid, "testing value /a failed"},
      {R"([{"op":"test","path":"/x","value":1}])", Code::invalid, "it is missing"},
      {R"([{"op":"test","path":"/x/y","value":null}])", Code::invalid, "does not exist"},
      {R"([{"op":"add","path":"/b","value":1},{"op":"test","path":"/a","value":2}])", Code::invalid, "operation 1"},
      {R"([{"op":"move","from":"/x","path":"/b"}])", Code::invalid, "does not exist"},
      {R"([{"op":"move","from":"/o","path":"/o/p"}])", Code::bad_request, "into itself"},
      {R"([{"op":"copy","path":"/b"}])", Code::bad_request, "\"from\" must be a string"},
      {R"([{"op":"add","path":"/b"}])", Code::bad_request, "\"value\" is missing"},
      {R"([{"op":"add","path":"b","value":1}])", Code::bad_request, "no JSON pointer"},
      {R"([{"op":"spam","path":"/b","value":1}])", Code::bad_request, "unknown operation"},
      {R"([{"path":"/b","value":1}])", Code::bad_request, "\"op\" must be"},
      {R"({"op":"add"})", Code::bad_request, "must be a list"},
      {"[1]", Code::bad_request, "must be an object"},
  };
  const auto target = must(R"({"a":1,"list":[1],"o":{}})");
  for (const auto& c : cases) {
    const auto result = json_patch(target, must(c.patch));
    ASSERT_FALSE(result) << c.patch;
    EXPECT_EQ(result.error().code, c.code) << c.patch;
    EXPECT_NE(result.error().message.find(c.message), std::string::npos) << result.error().message;
  }
}

TEST(JsonPatch, BoundsCopiesOfCopies) {
  Array operations;
  operations.push_back({{"op", "add"}, {"path", "/a"}, {"value", std::string(1000, 'x')}});
  for (int i = 0; i < 40; ++i) operations.push_back({{"op", "copy"}, {"from", ""}, {"path", "/a/-"}});
  operations.front().as_object()["value"] = Array{"x"};
  const auto result = json_patch(Value(Object{}), Value(operations));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("too large"), std::string::npos);
}

TEST(Diff, IsAPatchThatLeadsThere) {
  const struct {
    std::string_view before, after, patch;
  } cases[] = {
      {R"({"a":1})", R"({"a":1.0})", "[]"},
      {R"({"a":1,"b":2})", R"({"b":3,"c/d":4})",
       R"([{"op":"remove","path":"/a"},{"op":"replace","path":"/b","value":3},{"op":"add","path":"/c~1d","value":4}])"},
      {R"({"a":{"b":[1,2],"c":1}})", R"({"a":{"b":[1],"c":1}})", R"([{"op":"replace","path":"/a/b","value":[1]}])"},
      {"1", "[]", R"([{"op":"replace","path":"","value":[]}])"},
      {R"({"a":null})", R"({"a":{}})", R"([{"op":"replace","path":"/a","value":{}}])"},
  };
  for (const auto& c : cases) {
    const auto patch = diff(must(c.before), must(c.after));
    EXPECT_EQ(write(patch), c.patch);
    const auto result = json_patch(must(c.before), patch);
    ASSERT_TRUE(result);
    EXPECT_TRUE(equal(*result, must(c.after)));
  }
}

}  // namespace
}  // namespace godwit::json
