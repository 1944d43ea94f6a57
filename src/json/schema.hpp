// Structural schemas: the OpenAPI v3 subset of CustomResourceDefinitions, with Kubernetes' extensions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::json {

/// One parsed `openAPIV3Schema`. Immutable; copies share.
/// Knows: type, properties, additionalProperties, items, required, enum, default, nullable, format, pattern,
/// minimum/maximum (exclusive too), min/maxLength, min/maxItems, min/maxProperties, x-kubernetes-int-or-string,
/// x-kubernetes-preserve-unknown-fields, x-kubernetes-embedded-resource, x-kubernetes-list-type,
/// x-kubernetes-list-map-keys, x-kubernetes-map-type, and for built-in kinds x-kubernetes-patch-merge-key and
/// x-kubernetes-patch-strategy.
class Schema {
 public:
  /// Code::invalid names the path of the first thing that is not understood.
  [[nodiscard]] static Result<Schema> parse(const Value& open_api_v3_schema);

  /// Everything wrong with the value: wrong types, missing required, enums, ranges. Paths as kubectl shows them
  /// ("spec.template.spec.domain.devices.disks[0].name"); reasons are metav1.CauseTypes (FieldValueRequired,
  /// FieldValueInvalid, FieldValueTypeInvalid, FieldValueNotSupported, …); messages as kube-apiserver's.
  [[nodiscard]] std::vector<FieldError> validate(const Value& value) const;
  /// Fields the schema does not know, as paths in the form of `unknown field "spec.foo"`'s inner part.
  [[nodiscard]] std::vector<std::string> unknown_fields(const Value& value) const;
  /// Removes what unknown_fields lists.
  void prune(Value& value) const;
  /// Fills in defaults, innermost last, as a CRD does.
  void apply_defaults(Value& value) const;

  // For strategic merge, OpenAPI documents and explain:
  [[nodiscard]] const Value& source() const;
  /// The schema of a member (properties, else additionalProperties), or of the list items; null when there is none.
  [[nodiscard]] const Schema* member(std::string_view name) const;
  [[nodiscard]] const Schema* items() const;
  /// The key by which the list's items merge, or "" for an atomic list.
  [[nodiscard]] std::string merge_key() const;
  /// Lists of scalars that merge as sets (x-kubernetes-list-type: set, or patchStrategy merge).
  [[nodiscard]] bool merges_as_set() const;
  /// Maps and objects that are replaced as a whole.
  [[nodiscard]] bool is_atomic() const;

 private:
  friend class SchemaParser;
  struct Node;
  explicit Schema(std::shared_ptr<const Node> node) : node_{std::move(node)} {}
  std::shared_ptr<const Node> node_;
};

}  // namespace godwit::json
