#include "json/value.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace godwit::json {
namespace {

Value must(std::string_view text) {
  auto value = parse(text);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().message);
  return value ? *value : Value();
}

TEST(Parse, RefusesWhatIsNoJsonAndSaysWhere) {
  const struct {
    std::string text;
    std::string_view where;
  } cases[] = {
      {"", "unexpected end"},
      {"{\"a\": 1", "unexpected end"},
      {"{\"a\": x}", "offset 6"},
      {"{} {}", "offset 3"},
      {"{\"a\": 1,}", "offset 8"},
      {"\"\xff\"", "offset 1"},
      {std::string(300, '['), "too deep"},
  };
  for (const auto& c : cases) {
    const auto value = parse(c.text);
    ASSERT_FALSE(value) << c.text;
    EXPECT_EQ(value.error().code, Code::bad_request);
    EXPECT_NE(value.error().message.find(c.where), std::string::npos) << value.error().message;
  }
}

TEST(Parse, TakesDeepNestingAndTrailingSpace) {
  EXPECT_TRUE(parse(std::string(200, '[') + std::string(200, ']') + " \n"));
}

TEST(Write, IsWhatGoReads) {
  const struct {
    std::string_view text, expected;
  } cases[] = {
      {"1", "1"},
      {"1.0", "1"},
      {"1e3", "1000"},
      {"-0.0", "0"},
      {"0.5", "0.5"},
      {"1e20", "100000000000000000000"},
      {"1e21", "1e+21"},
      {"1e-7", "1e-7"},
      {"18446744073709551615", "18446744073709551615"},
      {"-9223372036854775808", "-9223372036854775808"},
      {R"("a\"b\\c\n\u0001é")", R"("a\"b\\c\n\u0001é")"},
      {R"({"b": [1, {}], "a": null, "c": true})", R"({"b":[1,{}],"a":null,"c":true})"},
  };
  for (const auto& c : cases) EXPECT_EQ(write(must(c.text)), c.expected);
  EXPECT_EQ(write(Value(std::nan(""))), "null");
}

TEST(Write, PrettyIndentsByTwo) {
  EXPECT_EQ(write_pretty(must(R"({"a":[1,2],"b":{},"c":[]})")),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}");
}

TEST(Equal, ComparesNumbersByValueAndMembersInAnyOrder) {
  const struct {
    std::string_view a, b;
    bool same;
  } cases[] = {
      {"1", "1.0", true},
      {"1", "18446744073709551615", false},
      {"1.5", "1.5", true},
      {R"({"a":1,"b":[2]})", R"({"b":[2.0],"a":1})", true},
      {R"({"a":1})", R"({"b":1})", false},
      {"[1,2]", "[2,1]", false},
      {"null", "false", false},
      {R"("1")", "1", false},
      {R"({"a":1})", R"({"a":1,"b":2})", false},
  };
  for (const auto& c : cases) EXPECT_EQ(equal(must(c.a), must(c.b)), c.same) << c.a << " " << c.b;
}

TEST(Pointer, FindsByEscapedStepsAndIndices) {
  const auto root = must(R"({"a/b": {"~": [10, {"x": "y"}]}, "": 1})");
  EXPECT_EQ(int_at(root, "/a~1b/~0/0"), 10);
  EXPECT_EQ(string_at(root, "/a~1b/~0/1/x"), "y");
  EXPECT_EQ(int_at(root, "/"), 1);
  EXPECT_EQ(find(root, ""), &root);
  for (const auto* missing : {"/x", "/a~1b/~0/2", "/a~1b/~0/-", "/a~1b/~0/00", "/a~1b/~0/1/x/z", "a"}) {
    EXPECT_EQ(find(root, missing), nullptr) << missing;
  }
  EXPECT_EQ(escape("kubevirt.io/x~y"), "kubevirt.io~1x~0y");
}

TEST(Pointer, AccessorsFallBackOnOtherTypes) {
  const auto root = must(R"({"s": "x", "n": 7, "d": 2.0, "f": 2.5, "u": 18446744073709551615, "b": true, "a": [1]})");
  EXPECT_EQ(string_at(root, "/n", "none"), "none");
  EXPECT_EQ(int_at(root, "/d"), 2);
  EXPECT_EQ(int_at(root, "/f", -1), -1);
  EXPECT_EQ(int_at(root, "/u", -1), -1);
  EXPECT_EQ(int_at(root, "/s", 3), 3);
  EXPECT_TRUE(bool_at(root, "/b"));
  EXPECT_TRUE(bool_at(root, "/missing", true));
  EXPECT_TRUE(object_at(root, "/a").empty());
  EXPECT_EQ(array_at(root, "/a").size(), 1U);
  EXPECT_TRUE(array_at(root, "/s").empty());
}

TEST(Pointer, SetMakesObjectsOnTheWay) {
  auto root = must(R"({"list": [1]})");
  set(root, "/metadata/labels/a~1b", "c");
  set(root, "/list/-", 2);
  set(root, "/list/0", 9);
  set(root, "/list/7", 3);
  EXPECT_EQ(write(root), R"({"list":[9,2],"metadata":{"labels":{"a/b":"c"}}})");
  set(root, "", 1);
  EXPECT_EQ(write(root), "1");
}

TEST(Pointer, EraseKeepsTheOrder) {
  auto root = must(R"({"a": 1, "b": 2, "c": [1, 2, 3], "d": 4})");
  EXPECT_TRUE(erase(root, "/a"));
  EXPECT_TRUE(erase(root, "/c/0"));
  EXPECT_FALSE(erase(root, "/c/5"));
  EXPECT_FALSE(erase(root, "/x/y"));
  EXPECT_FALSE(erase(root, ""));
  EXPECT_EQ(write(root), R"({"b":2,"c":[2,3],"d":4})");
}

}  // namespace
}  // namespace godwit::json
