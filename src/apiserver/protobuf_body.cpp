// Field numbers: k8s.io/api core/v1, policy/v1 and scheduling/v1, k8s.io/apimachinery meta/v1 and runtime,
// generated.proto.
#include "apiserver/protobuf_body.hpp"

#include <cstdint>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "base/base64.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::string_view magic{"k8s\0", 4};

enum class As : unsigned char { text, bytes, boolean, number, message, text_map, bytes_map };

struct Message;

/// How a field of a message is called in JSON, and what it is.
struct Field {
  unsigned number;
  const char* name;
  As as;
  bool repeated = false;
  const Message* message = nullptr;
};

struct Message {
  std::span<const Field> fields;
};

constexpr Field object_meta_fields[] = {
    {1, "name", As::text},
    {2, "generateName", As::text},
    {3, "namespace", As::text},
    {5, "uid", As::text},
    {6, "resourceVersion", As::text},
    {11, "labels", As::text_map},
    {12, "annotations", As::text_map},
    {14, "finalizers", As::text, true},
};
constexpr Message object_meta{object_meta_fields};

constexpr Field reference_fields[] = {{3, "name", As::text}};
constexpr Message object_reference{reference_fields};
constexpr Field local_reference_fields[] = {{1, "name", As::text}};
constexpr Message local_reference{local_reference_fields};

constexpr Field config_map_fields[] = {{1, "metadata", As::message, false, &object_meta},
                                       {2, "data", As::text_map},
                                       {3, "binaryData", As::bytes_map},
                                       {4, "immutable", As::boolean}};
constexpr Field secret_fields[] = {{1, "metadata", As::message, false, &object_meta},
                                   {2, "data", As::bytes_map},
                                   {3, "type", As::text},
                                   {4, "stringData", As::text_map},
                                   {5, "immutable", As::boolean}};
constexpr Field namespace_spec_fields[] = {{1, "finalizers", As::text, true}};
constexpr Message namespace_spec{namespace_spec_fields};
constexpr Field namespace_fields[] = {{1, "metadata", As::message, false, &object_meta},
                                      {2, "spec", As::message, false, &namespace_spec}};
constexpr Field service_account_fields[] = {{1, "metadata", As::message, false, &object_meta},
                                            {2, "secrets", As::message, true, &object_reference},
                                            {3, "imagePullSecrets", As::message, true, &local_reference},
                                            {4, "automountServiceAccountToken", As::boolean}};
constexpr Field delete_options_fields[] = {{1, "gracePeriodSeconds", As::number}, {5, "dryRun", As::text, true}};
constexpr Message delete_options{delete_options_fields};
constexpr Field eviction_fields[] = {{1, "metadata", As::message, false, &object_meta},
                                     {2, "deleteOptions", As::message, false, &delete_options}};

constexpr Field priority_class_fields[] = {{1, "metadata", As::message, false, &object_meta},
                                           {2, "value", As::number},
                                           {3, "globalDefault", As::boolean},
                                           {4, "description", As::text},
                                           {5, "preemptionPolicy", As::text}};

constexpr Field resource_attributes_fields[] = {
    {1, "namespace", As::text}, {2, "verb", As::text},        {3, "group", As::text}, {4, "version", As::text},
    {5, "resource", As::text},  {6, "subresource", As::text}, {7, "name", As::text}};
constexpr Message resource_attributes{resource_attributes_fields};
constexpr Field other_attributes_fields[] = {{1, "path", As::text}, {2, "verb", As::text}};
constexpr Message other_attributes{other_attributes_fields};
constexpr Field review_spec_fields[] = {{1, "resourceAttributes", As::message, false, &resource_attributes},
                                        {2, "nonResourceAttributes", As::message, false, &other_attributes}};
constexpr Message review_spec{review_spec_fields};
constexpr Field review_fields[] = {{1, "metadata", As::message, false, &object_meta},
                                   {2, "spec", As::message, false, &review_spec}};

struct KnownKind {
  std::string_view kind;
  Message message;
};
constexpr KnownKind known_kinds[] = {
    {"ConfigMap", {config_map_fields}},          {"Secret", {secret_fields}},
    {"Namespace", {namespace_fields}},           {"ServiceAccount", {service_account_fields}},
    {"PriorityClass", {priority_class_fields}},  {"Eviction", {eviction_fields}},
    {"SelfSubjectAccessReview", {review_fields}}};

/// Reads the wire format; once broken, everything it says is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_{bytes} {}

  struct Item {
    unsigned number = 0;
    std::uint64_t value = 0;      ///< of a varint
    std::string_view bytes = {};  ///< of a length-delimited field
  };

  [[nodiscard]] bool broken() const { return broken_; }

  [[nodiscard]] std::optional<Item> next() {
    if (rest_.empty() || broken_) return std::nullopt;
    const std::uint64_t key = varint();
    Item item{.number = static_cast<unsigned>(key >> 3U)};
    switch (key & 7U) {
      case 0: item.value = varint(); break;
      case 1: (void)take(8); break;
      case 2: item.bytes = take(varint()); break;
      case 5: (void)take(4); break;
      default: broken_ = true;
    }
    if (broken_) return std::nullopt;
    return item;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    broken_ = true;
    return 0;
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) {
      broken_ = true;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest_;
  bool broken_ = false;
};

bool decode(std::string_view bytes, const Message& message, json::Object& into);

bool decode_entry(std::string_view bytes, As as, json::Object& into) {
  Reader reader{bytes};
  std::string_view key;
  std::string_view value;
  while (const auto item = reader.next()) (item->number == 1 ? key : value) = item->bytes;
  into[key] = as == As::bytes_map ? base64_encode(value) : std::string{value};
  return !reader.broken();
}

bool decode_field(const Reader::Item& item, const Field& field, json::Object& into) {
  if (field.as == As::text_map || field.as == As::bytes_map) {
    if (!into.contains(field.name)) into[field.name] = json::Object{};
    return decode_entry(item.bytes, field.as, into[field.name].as_object());
  }
  json::Value value;
  switch (field.as) {
    case As::boolean: value = item.value != 0; break;
    case As::number: value = static_cast<std::int64_t>(item.value); break;
    case As::bytes: value = json::Value(std::string_view{base64_encode(item.bytes)}); break;
    case As::message: {
      json::Object inner;
      if (!decode(item.bytes, *field.message, inner)) return false;
      value = std::move(inner);
      break;
    }
    default: value = json::Value(item.bytes);
  }
  if (field.repeated) {
    if (!into.contains(field.name)) into[field.name] = json::Array{};
    into[field.name].as_array().push_back(std::move(value));
  } else if (!(value.is_string() && value.as_string().empty())) {
    into[field.name] = std::move(value);
  }
  return true;
}

bool decode(std::string_view bytes, const Message& message, json::Object& into) {
  Reader reader{bytes};
  while (const auto item = reader.next()) {
    for (const Field& field : message.fields) {
      if (field.number == item->number && !decode_field(*item, field, into)) return false;
    }
  }
  return !reader.broken();
}

}  // namespace

Result<json::Value> decode_protobuf_body(std::string_view body) {
  if (!body.starts_with(magic)) return fail(Code::bad_request, "the body is no Kubernetes protobuf");
  std::string_view api_version;
  std::string_view kind;
  std::string_view raw;
  Reader envelope{body.substr(magic.size())};
  while (const auto item = envelope.next()) {
    if (item->number == 2) raw = item->bytes;
    if (item->number != 1) continue;
    Reader type{item->bytes};
    while (const auto part = type.next()) (part->number == 1 ? api_version : kind) = part->bytes;
  }
  for (const KnownKind& known : known_kinds) {
    if (known.kind != kind) continue;
    json::Object object{{"apiVersion", api_version}, {"kind", kind}};
    if (envelope.broken() || !decode(raw, known.message, object)) {
      return fail(Code::bad_request, fmt::format("the body is no {} in protobuf", kind));
    }
    return object;
  }
  return fail(Code::unsupported_media_type,
              fmt::format("protobuf is not spoken here for {}: send application/json or application/yaml", kind));
}

}  // namespace godwit::apiserver
