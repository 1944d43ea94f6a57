// Identity and order of list items in strategic merges; for this folder's own use.
#pragma once

#include <functional>
#include <string>

#include "json/value.hpp"

namespace godwit::json {

/// How the items of two lists are matched: by the member `key`, or, without one, by their own value.
struct MergeBy {
  bool merges = false;  ///< false: the new list replaces the old one
  std::string key = {};

  /// What the item is known by; nullptr when it lacks the key.
  [[nodiscard]] const Value* identity(const Value& item) const;
  [[nodiscard]] bool same(const Value& a, const Value& b) const;
  [[nodiscard]] Array::iterator find(Array& list, const Value& item) const;
  /// The position of the item in the list, or -1.
  [[nodiscard]] std::ptrdiff_t position(const Array& list, const Value& item) const;
};

/// Removes the items of which `gone` is true.
void drop_if(Array& list, const std::function<bool(const Value&)>& gone);

/// Sorts a merged list: items named by `wanted` in that order; the others keep the order of `before`, each placed in
/// front of the first wanted item that it preceded there.
[[nodiscard]] Array in_order(Array merged, const Array& wanted, const Array& before, const MergeBy& by);

}  // namespace godwit::json
