#include "apiserver/presentation.hpp"

#include <fmt/format.h>

#include "apiserver/table.hpp"
#include "base/text.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::string_view metadata_kind = "PartialObjectMetadata";
constexpr std::string_view metadata_version = "meta.k8s.io/v1";

json::Object meta_object(const ListMeta& meta) {
  json::Object out{{"resourceVersion", std::to_string(meta.revision)}};
  if (!meta.next.empty()) out["continue"] = meta.next;
  if (meta.remaining) out["remainingItemCount"] = *meta.remaining;
  return out;
}

json::Value metadata_of(const json::Value& object) {
  return json::Object{
      {"kind", metadata_kind}, {"apiVersion", metadata_version}, {"metadata", json::object_at(object, "/metadata")}};
}

}  // namespace

Presentation::Form form_of(std::string_view accept) {
  for (const auto& range : split(accept, ',')) {
    const auto parameters = split(range, ';');
    const auto type = trim(parameters.front());
    if (type != "application/json" && type != "*/*" && type != "application/*") continue;
    std::string as;
    std::string group = "meta.k8s.io";
    std::string version = "v1";
    for (const auto& parameter : parameters) {
      const auto text = trim(parameter);
      if (text.starts_with("as=")) as = text.substr(3);
      if (text.starts_with("g=")) group = text.substr(2);
      if (text.starts_with("v=")) version = text.substr(2);
    }
    if (as.empty()) return Presentation::Form::whole;
    if (group != "meta.k8s.io" || version != "v1") continue;
    if (as == "Table") return Presentation::Form::table;
    if (as.starts_with(metadata_kind)) return Presentation::Form::metadata;
  }
  return Presentation::Form::whole;
}

Presentation::Presentation(const http::Request& request, const Kind& kind, const Clock& clock)
    : kind_{kind},
      clock_{clock},
      form_{form_of(request.headers.get("accept"))},
      include_object_{request.query_value("includeObject", "Metadata")} {}

std::string Presentation::table(const std::vector<json::Value>& objects, const ListMeta& meta) const {
  auto table = table_of(kind_, objects, meta.revision, clock_.wall(), include_object_);
  json::set(table, "/metadata", meta_object(meta));
  return json::write(table);
}

std::string Presentation::object(const json::Value& served) const {
  switch (form_) {
    case Form::whole: break;
    case Form::table:
      return table(
          {kind_.as_stored(served)},
          {.revision = parse_number<std::uint64_t>(json::string_at(served, "/metadata/resourceVersion")).value_or(0)});
    case Form::metadata: return json::write(metadata_of(served));
  }
  return json::write(served);
}

Result<std::string> Presentation::object(const store::Bytes& stored, std::uint64_t revision) const {
  if (form_ == Form::whole && !kind_.view) return *stored;
  auto value = json::parse(*stored);
  if (!value) return fail(value.error());
  if (form_ == Form::table) return table({std::move(*value)}, {.revision = revision});
  if (form_ == Form::metadata) return json::write(metadata_of(*value));
  return json::write(kind_.as_served(std::move(*value)));
}

Result<std::string> Presentation::list(const std::vector<store::Record>& records, const ListMeta& meta) const {
  if (form_ == Form::table) {
    std::vector<json::Value> objects;
    for (const store::Record& record : records) {
      auto value = json::parse(*record.value);
      if (!value) return fail(value.error());
      objects.push_back(std::move(*value));
    }
    return table(objects, meta);
  }
  std::string items;
  for (const store::Record& record : records) {
    const auto text = object(record.value, record.revision);
    if (!text) return fail(text.error());
    items += (items.empty() ? "" : ",") + *text;
  }
  const bool whole = form_ == Form::whole;
  return fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{},"items":[{}]}})",
                     whole ? kind_.list_kind : std::string{metadata_kind} + "List",
                     whole ? kind_.api_version() : std::string{metadata_version},
                     json::write(json::Value(meta_object(meta))), items);
}

std::string Presentation::bookmark(std::uint64_t revision) const {
  if (form_ == Form::table) {
    return json::write(table_of(kind_, {}, revision, clock_.wall(), "None"));
  }
  const bool whole = form_ == Form::whole;
  return json::write(json::Object{{"kind", whole ? kind_.kind : std::string{metadata_kind}},
                                  {"apiVersion", whole ? kind_.api_version() : std::string{metadata_version}},
                                  {"metadata", json::Object{{"resourceVersion", std::to_string(revision)}}}});
}

}  // namespace godwit::apiserver
