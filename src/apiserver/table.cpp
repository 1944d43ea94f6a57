#include "apiserver/table.hpp"

#include <fmt/format.h>

namespace godwit::apiserver {
namespace {

bool names_itself(const Kind& kind) {
  for (const Column& column : kind.columns) {
    if (column.name == "Name") return true;
  }
  return false;
}

json::Object column_definition(std::string_view name, std::string_view type, std::string_view format,
                               std::string_view description, int priority) {
  return {{"name", name}, {"type", type}, {"format", format}, {"description", description}, {"priority", priority}};
}

json::Value path_cell(const Column& column, const json::Value& object, WallTime now) {
  const auto found = column.path->select(object);
  const bool nothing = found.empty() || (found.front()->is_string() && found.front()->as_string().empty());
  if (nothing && !column.absent.empty()) return json::Value(column.absent);
  if (found.empty())
    return column.type == "date"     ? json::Value("<unknown>")
           : column.type == "string" ? json::Value("")
                                     : json::Value(nullptr);
  const json::Value& value = *found.front();
  if (column.type == "date") {
    const auto time =
        value.is_string() ? parse_time(std::string_view{value.as_string()}) : Result<WallTime>{fail(Code::invalid, "")};
    if (!time) return "<invalid>";
    return json::Value(human_duration(now - *time));
  }
  if (column.type == "string" && !value.is_string()) return json::Value(json::write(value));
  return value;
}

}  // namespace

std::string human_duration(Duration age) {
  using namespace std::chrono;
  const auto s = duration_cast<seconds>(age).count();
  if (s < -1) return "<invalid>";
  if (s < 0) return "0s";
  if (s < 120) return fmt::format("{}s", s);
  const auto m = s / 60;
  if (m < 10) return s % 60 == 0 ? fmt::format("{}m", m) : fmt::format("{}m{}s", m, s % 60);
  if (m < 180) return fmt::format("{}m", m);
  const auto h = m / 60;
  if (h < 8) return m % 60 == 0 ? fmt::format("{}h", h) : fmt::format("{}h{}m", h, m % 60);
  if (h < 48) return fmt::format("{}h", h);
  const auto d = h / 24;
  if (h < 192) return h % 24 == 0 ? fmt::format("{}d", d) : fmt::format("{}d{}h", d, h % 24);
  if (d < 365 * 2) return fmt::format("{}d", d);
  return fmt::format("{}y", d / 365);
}

json::Array table_columns(const Kind& kind) {
  json::Array columns;
  if (!names_itself(kind))
    columns.push_back(column_definition("Name", "string", "name", "Name must be unique within a namespace.", 0));
  for (const Column& column : kind.columns) {
    const std::string_view type = column.type == "date" ? std::string_view{"string"} : std::string_view{column.type};
    columns.push_back(
        column_definition(column.name, type, column.name == "Name" ? "name" : "", column.description, column.priority));
  }
  if (kind.columns.empty()) columns.push_back(column_definition("Age", "string", "", "", 0));
  return columns;
}

json::Value table_row(const Kind& kind, const json::Value& object, WallTime now, std::string_view include_object) {
  json::Array cells;
  if (!names_itself(kind)) cells.emplace_back(json::string_at(object, "/metadata/name"));
  for (const Column& column : kind.columns) {
    cells.push_back(column.path ? path_cell(column, object, now) : computed_cell(column.computed, object, now));
  }
  if (kind.columns.empty()) {
    const auto created = parse_time(json::string_at(object, "/metadata/creationTimestamp"));
    cells.emplace_back(created ? human_duration(now - *created) : "<unknown>");
  }
  json::Value shown = object;
  if (include_object == "None") {
    shown = nullptr;
  } else if (include_object != "Object") {
    shown = json::Object{{"kind", "PartialObjectMetadata"},
                         {"apiVersion", "meta.k8s.io/v1"},
                         {"metadata", json::object_at(object, "/metadata")}};
  }
  return json::Object{{"cells", std::move(cells)}, {"object", std::move(shown)}};
}

json::Value table_of(const Kind& kind, const std::vector<json::Value>& objects, std::uint64_t revision, WallTime now,
                     std::string_view include_object) {
  json::Array rows;
  for (const json::Value& object : objects) rows.push_back(table_row(kind, object, now, include_object));
  return json::Object{
      {"kind", "Table"},
      {"apiVersion", "meta.k8s.io/v1"},
      {"metadata", json::Object{{"resourceVersion", std::to_string(revision)}}},
      {"columnDefinitions", table_columns(kind)},
      {"rows", std::move(rows)},
  };
}

}  // namespace godwit::apiserver
