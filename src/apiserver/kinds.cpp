#include "apiserver/kinds.hpp"

#include <algorithm>

#include "apiserver/embedded.hpp"
#include "json/yaml.hpp"

namespace godwit::apiserver {
namespace {

std::vector<std::string> strings_at(const json::Value& root, std::string_view pointer) {
  std::vector<std::string> list;
  for (const json::Value& item : json::array_at(root, pointer)) {
    if (item.is_string()) list.emplace_back(item.as_string());
  }
  return list;
}

Result<Column> parse_column(const json::Value& definition) {
  Column column{.name = json::string_at(definition, "/name"),
                .type = json::string_at(definition, "/type"),
                .description = json::string_at(definition, "/description"),
                .priority = static_cast<int>(json::int_at(definition, "/priority")),
                .path = {},
                .computed = json::string_at(definition, "/x-godwit-computed"),
                .absent = json::string_at(definition, "/x-godwit-absent")};
  if (column.computed.empty()) {
    auto path = json::Path::parse(json::string_at(definition, "/jsonPath"));
    if (!path) return fail(path.error().within("column " + column.name));
    column.path = std::move(*path);
  }
  return column;
}

View parse_view(const json::Value& definition) {
  View view{.of_group = json::string_at(definition, "/group"),
            .of_version = json::string_at(definition, "/version"),
            .of_plural = json::string_at(definition, "/plural"),
            .of_kind = json::string_at(definition, "/kind"),
            .fields = {}};
  for (const auto& [served, stored] : json::object_at(definition, "/fields")) {
    if (stored.is_string()) view.fields.emplace_back(served, stored.as_string());
  }
  return view;
}

json::Value renamed(json::Value object, const std::string& api_version, const std::string& kind,
                    const std::vector<std::pair<std::string, std::string>>& names) {
  if (!object.is_object()) return object;
  json::Object out;
  for (const auto& [name, value] : object.as_object()) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const auto& pair) { return pair.first == name; });
    out[found == names.end() ? std::string{name} : found->second] = value;
  }
  out["apiVersion"] = api_version;
  out["kind"] = kind;
  return out;
}

/// Our own key in files that only this server reads, else what a CustomResourceDefinition has for it.
std::vector<std::string> selectable_fields(const json::Value& version) {
  std::vector<std::string> fields = strings_at(version, "/x-godwit-selectable-fields");
  for (const json::Value& field : json::array_at(version, "/selectableFields")) {
    const std::string path = json::string_at(field, "/jsonPath");
    if (path.starts_with('.')) fields.push_back(path.substr(1));
  }
  return fields;
}

}  // namespace

json::Value Kind::as_served(json::Value stored) const {
  if (!view) return stored;
  auto names = view->fields;
  for (auto& [served, kept] : names) std::swap(served, kept);
  return renamed(std::move(stored), api_version(), kind, names);
}

json::Value Kind::as_stored(json::Value served) const {
  if (!view) return served;
  return renamed(std::move(served), view->of_group.empty() ? view->of_version : view->of_group + "/" + view->of_version,
                 view->of_kind, view->fields);
}

Result<Kind> parse_kind(const json::Value& definition) {
  const auto& versions = json::array_at(definition, "/spec/versions");
  if (versions.empty()) return fail(Code::invalid, "no version");
  const json::Value& version = versions[0];
  const json::Value* source = json::find(version, "/schema/openAPIV3Schema");
  if (source == nullptr) return fail(Code::invalid, "no schema");
  auto schema = json::Schema::parse(*source);
  if (!schema) return fail(schema.error().within("schema"));
  Kind kind{.group = json::string_at(definition, "/spec/group"),
            .version = json::string_at(version, "/name"),
            .plural = json::string_at(definition, "/spec/names/plural"),
            .singular = json::string_at(definition, "/spec/names/singular"),
            .kind = json::string_at(definition, "/spec/names/kind"),
            .list_kind = json::string_at(definition, "/spec/names/listKind"),
            .short_names = strings_at(definition, "/spec/names/shortNames"),
            .categories = strings_at(definition, "/spec/names/categories"),
            .selectable_fields = selectable_fields(version),
            .columns = {},
            .namespaced = json::string_at(definition, "/spec/scope") != "Cluster",
            .has_status = json::find(version, "/subresources/status") != nullptr,
            .built_in = false,
            .schema = std::move(*schema)};
  for (const json::Value& column : json::array_at(version, "/additionalPrinterColumns")) {
    auto parsed = parse_column(column);
    if (!parsed) return fail(parsed.error());
    kind.columns.push_back(std::move(*parsed));
  }
  if (const auto* view = json::find(version, "/x-godwit-view-of")) kind.view = parse_view(*view);
  return kind;
}

Result<Kinds> Kinds::load() {
  Kinds kinds;
  for (const EmbeddedFile& file : embedded_kinds()) {
    const auto definition = json::parse_yaml(file.text);
    if (!definition) return fail(definition.error().within(file.name));
    auto kind = parse_kind(*definition);
    if (!kind) return fail(kind.error().within(file.name));
    kind->built_in = file.name.starts_with("api/core/");
    kinds.kinds_.push_back(std::move(*kind));
  }
  for (Kind& kind : kinds.kinds_) {  // tables are printed of what is stored
    if (!kind.view) continue;
    const Kind* stored = kinds.find(kind.view->of_group, kind.view->of_version, kind.view->of_plural);
    if (stored == nullptr) return fail(Code::invalid, kind.qualified() + " is a view of no kind");
    kind.columns = stored->columns;
  }
  return kinds;
}

const Kind* Kinds::find(std::string_view group, std::string_view version, std::string_view plural) const {
  for (const Kind& kind : kinds_) {
    if (kind.plural == plural && kind.group == group && kind.version == version) return &kind;
  }
  return nullptr;
}

const Kind* Kinds::find_kind(std::string_view api_version, std::string_view name) const {
  for (const Kind& kind : kinds_) {
    if (kind.kind == name && kind.api_version() == api_version) return &kind;
  }
  return nullptr;
}

}  // namespace godwit::apiserver
