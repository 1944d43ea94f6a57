#include "json/yaml.hpp"

#include <gtest/gtest.h>

namespace godwit::json {
namespace {

std::string as_json(std::string_view yaml) {
  const auto value = parse_yaml(yaml);
  return value ? write(*value) : "error: " + value.error().message;
}

TEST(Yaml, ReadsScalarsAsKubectlDoes) {
  // The right column is what kubectl 1.32 makes of the left one.
  const struct {
    std::string_view yaml, json;
  } cases[] = {
      {"[y, Y, yes, Yes, YES, on, On, ON, true, True, TRUE]",
       "[true,true,true,true,true,true,true,true,true,true,true]"},
      {"[n, N, no, No, NO, off, Off, OFF, false, False, FALSE]",
       "[false,false,false,false,false,false,false,false,false,false,false]"},
      {"[yEs, 'yes', \"no\", !!str yes, nUll]", R"(["yEs","yes","no","yes","nUll"])"},
      {"[~, null, Null, NULL]", "[null,null,null,null]"},
      {"[010, 08, 0o17, 0x1F, 0b101, -0x1F, +12, 1_000, 0777, -010, -0]", "[8,8,15,31,5,-31,12,1000,511,-8,0]"},
      {"[1e3, .5, 5., -.5, 1.5e-7, 0.10, 1.0]", "[1000,0.5,5,-0.5,1.5e-7,0.1,1]"},
      {"[18446744073709551615, -9223372036854775808]", "[18446744073709551615,-9223372036854775808]"},
      {"[12:30:45, 2001-01-01, 1.2.3, 0x, _1, ., -a, +, e1, 1e, 1e400, 8Gi, 10.0.0.1]",
       R"(["12:30:45","2001-01-01","1.2.3","0x","_1",".","-a","+","e1","1e","1e400","8Gi","10.0.0.1"])"},
      {"!!int \"5\"", "5"},
      {"{1: a, on: b, 1.5: c, x: }", R"({"1":"a","true":"b","1.5":"c","x":null})"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(as_json(c.yaml), c.json) << c.yaml;
  }
}

TEST(Yaml, ReadsStructure) {
  const struct {
    std::string_view yaml, json;
  } cases[] = {
      {"a:\n- 1\n- b: 2\n  c: [x, {y1: z}]\nd: {}\n", R"({"a":[1,{"b":2,"c":["x",{"y1":"z"}]}],"d":{}})"},
      {"a: |\n  x\n  y\nb: >-\n  x\n  y\nc: |+\n  x\n\n", R"({"a":"x\ny\n","b":"x y","c":"x\n\n"})"},
      {"a: \"t\\tab\\u00e9\"\nb: 'it''s'\n", "{\"a\":\"t\\tabé\",\"b\":\"it's\"}"},
      {"a: &x {k: 1}\nb: *x\nc: {<<: *x, l: 2}\nd: {<<: [*x, {k: 9, m: 3}], k: 5}\n",
       R"({"a":{"k":1},"b":{"k":1},"c":{"l":2,"k":1},"d":{"k":5,"m":3}})"},
      {"# comment\n{\"json\": [1, true, null]} # too\n", R"({"json":[1,true,null]})"},
      {"--- text\n", R"("text")"},
  };
  for (const auto& c : cases) EXPECT_EQ(as_json(c.yaml), c.json) << c.yaml;
}

TEST(Yaml, ReadsEveryDocumentThatIsNotEmpty) {
  const auto documents = parse_yaml_documents("---\na: 1\n---\n# nothing\n---\nb: 2\n...\n---\nc: 3\n");
  ASSERT_TRUE(documents) << documents.error().message;
  ASSERT_EQ(documents->size(), 3U);
  EXPECT_EQ(write((*documents)[2]), R"({"c":3})");
  for (const auto* empty : {"", "\n\n", "# only a comment\n", "---\n---\n"}) {
    const auto none = parse_yaml_documents(empty);
    ASSERT_TRUE(none) << none.error().message;
    EXPECT_TRUE(none->empty());
  }
}

TEST(Yaml, RefusesWithLineAndColumn) {
  const struct {
    std::string text;
    std::string_view message;
  } cases[] = {
      {"a: 1\nb: [1, 2\n", "line 3"},
      {"a: 1\n  b: 2\n", "line 1, column 4"},
      {"a: 1\na: 2\n", "line 2, column 1: key \"a\" already set in map"},
      {"a: *nowhere\n", "nowhere"},
      {"? {a: 1}\n: b\n", "key must be a scalar"},
      {"a: {<<: 5}\n", "merged"},
      {"a: 1\n---\nb: 2\n", "expected one YAML document, found 2"},
      {"", "found 0"},
      {std::string(300, '[') + std::string(300, ']'), "nested too deeply"},
      {"\tx: 1\n", "invalid YAML"},
      {"a: 1\nb: \x01\n", "line 2: control characters"},
      {"---\n%\xfftah\n", "line 2: not UTF-8"},
      {"a: \xc0\xaf", "not UTF-8"},
      {"a: \xed\xa0\x80", "not UTF-8"},
      {"a: \xf4\x90\x80\x80", "not UTF-8"},
      {"a: \xe2\x82", "not UTF-8"},
  };
  for (const auto& c : cases) {
    const auto value = parse_yaml(c.text);
    ASSERT_FALSE(value) << c.text << " → " << write(*value);
    EXPECT_EQ(value.error().code, Code::bad_request);
    EXPECT_NE(value.error().message.find(c.message), std::string::npos) << value.error().message;
  }
}

TEST(Yaml, BoundsWhatAliasesMultiply) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const auto n = std::to_string(i);
    const auto before = "*a" + std::to_string(i - 1);
    text += "a" + n + ": &a" + n + " [";
    for (int k = 0; k < 10; ++k) text += before + ", ";
    text += "]\n";
  }
  const auto value = parse_yaml(text);
  ASSERT_FALSE(value);
  EXPECT_NE(value.error().message.find("too many values"), std::string::npos);
}

TEST(Yaml, WritesBlocksThatReadBackTheSame) {
  const auto value = parse(R"({"apiVersion":"v1","clusters":[{"cluster":{"server":"https://1.2.3.4:6443"},"name":"a"}],
      "empty":{},"none":[],"nested":[[1,2],[],[{"a":1,"b":[true]}]],"yes":"no","n":"null","1":"1","num":1,"f":0.5,
      "x: y":"a: b","#":"#c","text":"a\nb\n","keep":"a\n\n","strip":"a\n  b","lead":" a\nb","tab":"a\tb\n",
      "blank":"","space":" x ","dash":"- x","star":"*x","colon":"a:","hash":"a #b","tail":"a\\","merge":"<<",
      "quote":"\"q\"","null":null,"uni":"é","date":"2001-01-01","pem":"-----BEGIN X-----\nabc\n-----END X-----\n",
      "list":["a\nb",{"k":"c\nd\n","l":1}],"only":"\n","dots":"...","percent":"%a","eq":"=","at":"@x","nel":"a\u0085b"})");
  ASSERT_TRUE(value) << value.error().message;
  const auto text = write_yaml(*value);
  const auto again = parse_yaml(text);
  ASSERT_TRUE(again) << again.error().message << "\n" << text;
  EXPECT_EQ(write(*again), write(*value)) << text;
  for (const auto* scalar : {"1", "\"1\"", "\"a\\nb\"", "[]", "{}", "\"\"", "[[1]]"}) {
    EXPECT_EQ(as_json(write_yaml(*parse(scalar))), scalar);
  }
}

TEST(Yaml, WritesAsKubectlDoes) {
  EXPECT_EQ(write_yaml(*parse(R"({"a":{"b":[{"c":1,"d":["x"]},"y1"]},"e":"true","f":"l1\nl2\n"})")),
            "a:\n  b:\n  - c: 1\n    d:\n    - x\n  - y1\ne: \"true\"\nf: |\n  l1\n  l2\n");
}

}  // namespace
}  // namespace godwit::json
