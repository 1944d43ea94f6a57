// Swagger 2.0 in protobuf. Field numbers: gnostic's openapiv2/OpenAPIv2.proto (Document, Schema, …).
#include <cmath>
#include <cstring>
#include <utility>

#include "apiserver/discovery.hpp"

namespace godwit::apiserver {
namespace {

/// A protobuf message under construction: length-delimited fields, varints and doubles are all that is needed.
class Message {
 public:
  void text(unsigned field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    bytes_.append(value);
  }
  void message(unsigned field, const Message& value) { text(field, value.bytes_); }
  void flag(unsigned field, bool value) {
    key(field, 0);
    varint(value ? 1 : 0);
  }
  void number(unsigned field, std::uint64_t value) {
    key(field, 0);
    varint(value);
  }
  void real(unsigned field, double value) {
    key(field, 1);
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof raw);
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void key(unsigned field, unsigned wire_type) { varint((static_cast<std::uint64_t>(field) << 3U) | wire_type); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U) bytes_ += static_cast<char>((value & 0x7fU) | 0x80U);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

Message any_of(const json::Value& value) {
  Message any;
  any.text(2, json::write(value) + "\n");  // JSON is YAML
  return any;
}

Message named(std::string_view name, const Message& value) {
  Message pair;
  pair.text(1, name);
  pair.message(2, value);
  return pair;
}

Message schema_message(const json::Value& schema);

Message properties_message(const json::Object& properties) {
  Message list;
  for (const auto& [name, schema] : properties)
    list.message(1, named({name.data(), name.size()}, schema_message(schema)));
  return list;
}

void write_texts(const json::Value& schema, Message& out) {
  const auto copy = [&](const char* pointer, unsigned field) {
    if (const std::string text = json::string_at(schema, pointer); !text.empty()) out.text(field, text);
  };
  copy("/$ref", 1);
  copy("/format", 2);
  copy("/title", 3);
  copy("/description", 4);
  copy("/pattern", 13);
  if (const std::string type = json::string_at(schema, "/type"); !type.empty()) {
    Message item;
    item.text(1, type);
    out.message(22, item);
  }
}

void write_children(const json::Value& schema, Message& out) {
  for (const json::Value& name : json::array_at(schema, "/required")) {
    if (name.is_string()) out.text(19, std::string_view{name.as_string()});
  }
  for (const json::Value& value : json::array_at(schema, "/enum")) out.message(20, any_of(value));
  if (const json::Value* additional = json::find(schema, "/additionalProperties")) {
    Message item;
    if (additional->is_bool()) {
      item.flag(2, additional->as_bool());
    } else {
      item.message(1, schema_message(*additional));
    }
    out.message(21, item);
  }
  if (const json::Value* items = json::find(schema, "/items")) {
    Message item;
    item.message(1, schema_message(*items));
    out.message(23, item);
  }
  if (const auto& properties = json::object_at(schema, "/properties"); !properties.empty()) {
    out.message(25, properties_message(properties));
  }
}

Message schema_message(const json::Value& schema) {
  Message out;
  if (!schema.is_object()) return out;
  write_texts(schema, out);
  write_children(schema, out);
  for (const auto& [name, value] : schema.as_object()) {
    const std::string_view key{name.data(), name.size()};
    if (key.starts_with("x-")) out.message(31, named(key, any_of(value)));
  }
  return out;
}

Message operation_message(const json::Value& operation) {
  Message out;
  for (const json::Value& parameter : json::array_at(operation, "/parameters")) {
    Message query;
    query.text(2, json::string_at(parameter, "/in"));
    query.text(4, json::string_at(parameter, "/name"));
    query.text(6, json::string_at(parameter, "/type"));
    Message non_body;
    non_body.message(3, query);
    Message either;
    either.message(2, non_body);
    Message item;
    item.message(1, either);
    out.message(8, item);
  }
  for (const auto& [name, value] : operation.as_object()) {
    const std::string_view key{name.data(), name.size()};
    if (key.starts_with("x-")) out.message(13, named(key, any_of(value)));
  }
  return out;
}

Message paths_message(const json::Object& paths) {
  constexpr std::pair<std::string_view, unsigned> methods[] = {{"get", 2}, {"put", 3}, {"post", 4}, {"patch", 8}};
  Message out;
  for (const auto& [path, operations] : paths) {
    Message item;
    for (const auto& [method, field] : methods) {
      if (const json::Value* operation = json::find(operations, "/" + std::string{method}))
        item.message(field, operation_message(*operation));
    }
    out.message(2, named({path.data(), path.size()}, item));
  }
  return out;
}

}  // namespace

std::string openapi_v2_protobuf(const Kinds& kinds) {
  Message info;
  info.text(1, "Godwit");
  info.text(2, "v0.1.0");
  Message definitions;
  for (const auto& [name, schema] : openapi_definitions(kinds, "#/definitions/")) {
    definitions.message(1, named({name.data(), name.size()}, schema_message(schema)));
  }
  Message document;
  document.text(1, "2.0");
  document.message(2, info);
  document.message(8, paths_message(openapi_v2_paths(kinds)));
  document.message(9, definitions);
  return document.bytes();
}

}  // namespace godwit::apiserver
