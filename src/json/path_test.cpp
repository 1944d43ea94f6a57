#include "json/path.hpp"

#include <gtest/gtest.h>

namespace godwit::json {
namespace {

std::string select(std::string_view path) {
  static const auto root = parse(R"({"metadata":{"name":"a","labels":{"kubevirt.io/x":"y"}},"empty":null,
      "spec":{"disks":[{"name":"d0","n":1},{"name":"d1","n":2}],"on":true},
      "status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Paused","status":"False"}]}})");
  const auto parsed = Path::parse(path);
  if (!parsed) return "error: " + parsed.error().message;
  std::string out;
  for (const auto* value : parsed->select(*root)) out += (out.empty() ? "" : " ") + write(*value);
  return out;
}

TEST(Path, SelectsWhatPrinterColumnsAskFor) {
  const struct {
    std::string_view path, selected;
  } cases[] = {
      {".metadata.name", R"("a")"},
      {"$.metadata.name", R"("a")"},
      {"{.metadata.name}", R"("a")"},
      {".missing.name", ""},
      {".empty", "null"},
      {".spec.disks[0].name", R"("d0")"},
      {".spec.disks[-1].name", R"("d1")"},
      {".spec.disks[2].name", ""},
      {".spec.disks[*].name", R"("d0" "d1")"},
      {".spec.disks.*.n", "1 2"},
      {".spec.disks[?(@.n==2)].name", R"("d1")"},
      {R"(.status.conditions[?(@.type=="Ready")].status)", R"("True")"},
      {R"(.status.conditions[?(@.type=='Paused')].status)", R"("False")"},
      {R"(.status.conditions[?( @.type == "Ready" )].status)", R"("True")"},
      {R"(.status.conditions[?(@.type=="None")].status)", ""},
      {R"(.metadata.labels.kubevirt\.io/x)", R"("y")"},
      {R"(.metadata.labels['kubevirt.io/x'])", R"("y")"},
      {".metadata.name.deeper", ""},
      {".spec.on", "true"},
  };
  for (const auto& c : cases) EXPECT_EQ(select(c.path), c.selected) << c.path;
}

TEST(Path, SelectsTheWholeValue) {
  const auto root = *parse(R"({"a":1})");
  for (const auto* whole : {"", "$", ".", "{}"}) {
    const auto path = Path::parse(whole);
    ASSERT_TRUE(path) << whole;
    EXPECT_EQ(path->select(root), std::vector<const Value*>{&root});
  }
}

TEST(Path, RefusesWhatItCannotRead) {
  for (const auto* text : {"name", "..name", ".a[", ".a[x]", ".a[0", ".a['x]", ".a[?(@.b)]", ".a[?(@.b!=1)]",
                           ".a[?(@.b==\"x)]", ".a[?(b==1)]", ".a[?(@.b==1)", "{.a", ".a b"}) {
    const auto path = Path::parse(text);
    ASSERT_FALSE(path) << text;
    EXPECT_EQ(path.error().code, Code::invalid);
  }
}

}  // namespace
}  // namespace godwit::json
