#include "json/schema.hpp"

#include <gtest/gtest.h>

namespace godwit::json {
namespace {

Value must(std::string_view text) {
  auto value = parse(text);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().message);
  return value ? *value : Value();
}

Schema schema_of(std::string_view text) {
  auto schema = Schema::parse(must(text));
  EXPECT_TRUE(schema) << (schema ? "" : schema.error().message);
  return *schema;
}

/// A schema whose spec.x is the given one.
Schema with_x(const std::string& x) {
  return schema_of(R"({"type":"object","properties":{"spec":{"type":"object","properties":{"x":)" + x + "}}}}");
}

struct Case {
  std::string_view schema, value, reason, message, field;
};

class Validate : public testing::TestWithParam<Case> {};

TEST_P(Validate, SaysWhatKubernetesSays) {
  const auto& c = GetParam();
  const auto schema = with_x(std::string{c.schema});
  const auto errors = schema.validate(must(R"({"spec":{"x":)" + std::string{c.value} + "}}"));
  if (c.reason.empty()) {
    EXPECT_TRUE(errors.empty()) << errors.front().message;
    return;
  }
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].reason, c.reason);
  EXPECT_EQ(errors[0].message, c.message);
  EXPECT_EQ(errors[0].field, c.field.empty() ? "spec.x" : c.field);
}

constexpr std::string_view type_invalid = "FieldValueTypeInvalid";
constexpr std::string_view value_invalid = "FieldValueInvalid";

INSTANTIATE_TEST_SUITE_P(
    Types, Validate,
    testing::Values(Case{R"({"type":"integer"})", R"("a")", type_invalid,
                         R"(Invalid value: "string": spec.x in body must be of type integer: "string")", ""},
                    Case{R"({"type":"integer"})", "3", "", "", ""}, Case{R"({"type":"integer"})", "3.0", "", "", ""},
                    Case{R"({"type":"integer"})", "3.5", type_invalid,
                         R"(Invalid value: "number": spec.x in body must be of type integer: "number")", ""},
                    Case{R"({"type":"integer","format":"int32"})", "3000000000", value_invalid,
                         "Invalid value: 3000000000: spec.x in body must be of type integer with format int32", ""},
                    Case{R"({"type":"number"})", "3", "", "", ""},
                    Case{R"({"type":"boolean"})", R"("true")", type_invalid,
                         R"(Invalid value: "string": spec.x in body must be of type boolean: "string")", ""},
                    Case{R"({"type":"string"})", "null", type_invalid,
                         R"(Invalid value: "null": spec.x in body must be of type string: "null")", ""},
                    Case{R"({"type":"string","nullable":true})", "null", "", "", ""},
                    Case{R"({"x-kubernetes-int-or-string":true})", "1", "", "", ""},
                    Case{R"({"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}]})",
                         R"("1Gi")", "", "", ""},
                    Case{R"({"x-kubernetes-int-or-string":true})", "true", type_invalid,
                         R"(Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean")", ""},
                    Case{R"({"type":"object"})", "[]", type_invalid,
                         R"(Invalid value: "array": spec.x in body must be of type object: "array")", ""}));

INSTANTIATE_TEST_SUITE_P(
    Values, Validate,
    testing::Values(Case{R"({"type":"string","enum":["a","b"]})", R"("x")", "FieldValueNotSupported",
                         R"(Unsupported value: "x": supported values: "a", "b")", ""},
                    Case{R"({"type":"integer","enum":[1,2]})", "2.0", "", "", ""},
                    Case{R"({"type":"integer","minimum":1})", "0", value_invalid,
                         "Invalid value: 0: spec.x in body should be greater than or equal to 1", ""},
                    Case{R"({"type":"number","maximum":1.5,"exclusiveMaximum":true})", "1.5", value_invalid,
                         "Invalid value: 1.5: spec.x in body should be less than 1.5", ""},
                    Case{R"({"type":"integer","multipleOf":4})", "6", value_invalid,
                         "Invalid value: 6: spec.x in body should be a multiple of 4", ""},
                    Case{R"({"type":"string","pattern":"^a+$"})", R"("ab")", value_invalid,
                         R"(Invalid value: "ab": spec.x in body should match '^a+$')", ""},
                    Case{R"({"type":"string","minLength":3})", R"("äö")", value_invalid,
                         R"(Invalid value: "äö": spec.x in body should be at least 3 chars long)", ""},
                    Case{R"({"type":"string","maxLength":2})", R"("äö")", "", "", ""},
                    Case{R"({"type":"string","maxLength":2})", R"("abc")", "FieldValueTooLong",
                         "Too long: may not be more than 2 bytes", ""},
                    Case{R"({"type":"string","format":"date-time"})", R"("2026-11-01T10:00:00Z")", "", "", ""},
                    Case{R"({"type":"string","format":"date-time"})", R"("soon")", type_invalid,
                         R"(Invalid value: "soon": spec.x in body must be of type date-time: "soon")", ""},
                    Case{R"({"type":"string","format":"ipv4"})", R"("10.0.0.256")", type_invalid,
                         R"(Invalid value: "10.0.0.256": spec.x in body must be of type ipv4: "10.0.0.256")", ""},
                    Case{R"({"type":"string","format":"cidr"})", R"("10.0.0.0/8")", "", "", ""},
                    Case{R"({"type":"string","format":"mac"})", R"("02:00:00:00:00:01")", "", "", ""},
                    Case{R"({"type":"string","format":"byte"})", R"("YQ==")", "", "", ""},
                    Case{R"({"type":"string","format":"uuid"})", R"("nope")", type_invalid,
                         R"(Invalid value: "nope": spec.x in body must be of type uuid: "nope")", ""}));

constexpr std::string_view named_list =
    R"({"type":"array","maxItems":2,"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],)"
    R"("items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"n":{"type":"integer"}}}})";

INSTANTIATE_TEST_SUITE_P(
    Containers, Validate,
    testing::Values(Case{named_list, R"([{"name":"a"},{"name":"b"}])", "", "", ""},
                    Case{named_list, R"([{"name":"a"},{"name":"a"}])", "FieldValueDuplicate",
                         R"(Duplicate value: {"name":"a"})", "spec.x[1]"},
                    Case{named_list, R"([{"n":1}])", "FieldValueRequired", "Required value", "spec.x[0].name"},
                    Case{named_list, R"([{"name":"a","n":"z"}])", type_invalid,
                         R"(Invalid value: "string": spec.x[0].n in body must be of type integer: "string")",
                         "spec.x[0].n"},
                    Case{named_list, R"([{"name":"a"},{"name":"b"},{"name":"c"}])", "FieldValueTooMany",
                         "Too many: 3: must have at most 2 items", ""},
                    Case{R"({"type":"array","minItems":1})", "[]", value_invalid,
                         "Invalid value: []: spec.x in body should have at least 1 items", ""},
                    Case{R"({"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}})",
                         R"(["a","b","a"])", "FieldValueDuplicate", R"(Duplicate value: "a")", "spec.x[2]"},
                    Case{R"({"type":"object","maxProperties":1,"additionalProperties":{"type":"string"}})",
                         R"({"a":"","b":""})", "FieldValueTooMany", "Too many: 2: must have at most 1 items", ""},
                    Case{R"({"type":"object","additionalProperties":{"type":"string"}})", R"({"k":1})", type_invalid,
                         R"(Invalid value: "integer": spec.x.k in body must be of type string: "integer")",
                         "spec.x.k"}));

TEST(ValidateRoot, ChecksObjectMeta) {
  const auto schema = with_x(R"({"type":"string"})");
  const auto errors = schema.validate(must(R"({"apiVersion":"v1","kind":1,"metadata":{"labels":{"a":2}}})"));
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0].field, "kind");
  EXPECT_EQ(errors[1].field, "metadata.labels.a");
}

TEST(UnknownFields, AreFoundWithTheirPaths) {
  const auto schema = schema_of(R"({"type":"object","properties":{"spec":{"type":"object","properties":{
      "disks":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"}}}},
      "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true,
              "properties":{"typed":{"type":"object","properties":{"a":{"type":"string"}}}}},
      "any":{"x-kubernetes-preserve-unknown-fields":true},
      "map":{"type":"object","additionalProperties":{"type":"object","properties":{"a":{"type":"string"}}}},
      "bare":{"type":"object"},
      "template":{"type":"object","x-kubernetes-embedded-resource":true}}}}})");
  auto value = must(R"({"apiVersion":"v1","kind":"K","metadata":{"name":"n","lables":{}},"sepc":{},"spec":{
      "foo":1,"disks":[{"name":"a","bar":1},{"name":"b"}],"free":{"x":1,"typed":{"b":1}},"any":[{"x":1}],
      "map":{"k":{"a":"","b":""}},"bare":{"x":1},
      "template":{"apiVersion":"v1","kind":"T","metadata":{"name":"t"},"other":1}}})");
  EXPECT_EQ(schema.unknown_fields(value),
            (std::vector<std::string>{"metadata.lables", "sepc", "spec.foo", "spec.disks[0].bar", "spec.free.typed.b",
                                      "spec.map.k.b", "spec.bare.x", "spec.template.other"}));
  schema.prune(value);
  EXPECT_EQ(write(value),
            R"({"apiVersion":"v1","kind":"K","metadata":{"name":"n"},"spec":{"disks":[{"name":"a"},{"name":"b"}],)"
            R"("free":{"x":1,"typed":{}},"any":[{"x":1}],"map":{"k":{"a":""}},"bare":{},)"
            R"("template":{"apiVersion":"v1","kind":"T","metadata":{"name":"t"}}}})");
}

TEST(Defaults, AreFilledFromOutsideIn) {
  const auto schema = schema_of(R"({"type":"object","properties":{"spec":{"type":"object","default":{},"properties":{
      "mode":{"type":"string","default":"a"},
      "nullable":{"type":"string","nullable":true,"default":"b"},
      "list":{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer","default":5}}}},
      "map":{"type":"object","additionalProperties":{"type":"object","properties":{"n":{"type":"integer","default":6}}}},
      "sub":{"type":"object","properties":{"n":{"type":"integer","default":7}}}}}}})");
  const struct {
    std::string_view before, after;
  } cases[] = {
      {"{}", R"({"spec":{"mode":"a","nullable":"b"}})"},
      {R"({"spec":{"mode":null,"nullable":null,"sub":null}})", R"({"spec":{"nullable":null,"mode":"a"}})"},
      {R"({"spec":{"mode":"z","nullable":"z","list":[{},{"n":1}],"map":{"k":{}},"sub":{}}})",
       R"({"spec":{"mode":"z","nullable":"z","list":[{"n":5},{"n":1}],"map":{"k":{"n":6}},"sub":{"n":7}}})"},
  };
  for (const auto& c : cases) {
    auto value = must(c.before);
    schema.apply_defaults(value);
    EXPECT_TRUE(equal(value, must(c.after))) << write(value);
  }
}

TEST(Parse, NamesWhatItDoesNotUnderstand) {
  const struct {
    std::string_view schema, message;
  } cases[] = {
      {R"({"type":"objekt"})", "type: must be object"},
      {R"({"type":"object","properties":{"a":{"type":"array","items":{"typ":"string"}}}})", "schema of a[]: typ"},
      {R"({"type":"object","properties":{"a":{"pattern":"("}}})", "schema of a: pattern"},
      {R"({"type":"object","required":"a"})", "required: must be a list of strings"},
      {R"({"type":"object","properties":{"a":{"oneOf":[]}}})", "oneOf: not understood"},
      {"[]", "must be an object"},
  };
  for (const auto& c : cases) {
    const auto schema = Schema::parse(must(c.schema));
    ASSERT_FALSE(schema) << c.schema;
    EXPECT_EQ(schema.error().code, Code::invalid);
    EXPECT_NE(schema.error().message.find(c.message), std::string::npos) << schema.error().message;
  }
}

TEST(MergeHints, ComeFromTheExtensions) {
  const auto schema = schema_of(R"({"type":"object","properties":{
      "keyed":{"type":"array","x-kubernetes-patch-merge-key":"k","x-kubernetes-patch-strategy":"merge","items":{}},
      "map":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["a","b"],"items":{}},
      "set":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},
      "plain":{"type":"array","items":{"type":"string"}},
      "atomic":{"type":"object","x-kubernetes-map-type":"atomic"}}})");
  EXPECT_EQ(schema.member("keyed")->merge_key(), "k");
  EXPECT_EQ(schema.member("map")->merge_key(), "a");
  EXPECT_TRUE(schema.member("set")->merges_as_set());
  EXPECT_FALSE(schema.member("plain")->merges_as_set());
  EXPECT_EQ(schema.member("plain")->merge_key(), "");
  EXPECT_TRUE(schema.member("atomic")->is_atomic());
  EXPECT_EQ(schema.member("missing"), nullptr);
  EXPECT_EQ(schema.member("metadata")->member("ownerReferences")->merge_key(), "uid");
  EXPECT_TRUE(schema.member("metadata")->member("finalizers")->merges_as_set());
  EXPECT_EQ(string_at(schema.member("set")->items()->source(), "/type"), "string");
}

}  // namespace
}  // namespace godwit::json
