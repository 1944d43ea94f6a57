#include "json/merge_list.hpp"

#include <algorithm>
#include <cstdint>
#include <map>

namespace godwit::json {

const Value* MergeBy::identity(const Value& item) const {
  if (key.empty()) return &item;
  const auto* object = item.if_object();
  return object != nullptr ? object->if_contains(key) : nullptr;
}

bool MergeBy::same(const Value& a, const Value& b) const {
  const auto* left = identity(a);
  const auto* right = identity(b);
  return left != nullptr && right != nullptr && equal(*left, *right);
}

Array::iterator MergeBy::find(Array& list, const Value& item) const {
  return std::ranges::find_if(list, [&](const Value& other) { return same(other, item); });
}

std::ptrdiff_t MergeBy::position(const Array& list, const Value& item) const {
  const auto it = std::ranges::find_if(list, [&](const Value& other) { return same(other, item); });
  return it == list.end() ? -1 : it - list.begin();
}

void drop_if(Array& list, const std::function<bool(const Value&)>& gone) {
  for (auto it = list.begin(); it != list.end();) it = gone(*it) ? list.erase(it) : it + 1;
}

Array in_order(Array merged, const Array& wanted, const Array& before, const MergeBy& by) {
  std::multimap<std::ptrdiff_t, Value> named;   // by their place in `wanted`
  std::multimap<std::ptrdiff_t, Value> others;  // by their place in `before`; new ones last
  for (auto& item : merged) {
    if (const auto place = by.position(wanted, item); place >= 0) {
      named.emplace(place, std::move(item));
    } else {
      const auto old_place = by.position(before, item);
      others.emplace(old_place >= 0 ? old_place : PTRDIFF_MAX, std::move(item));
    }
  }
  Array sorted;
  auto other = others.begin();
  for (auto& [place, item] : named) {
    const auto old_place = by.position(before, item);
    for (; other != others.end() && other->first < old_place; ++other) {
      sorted.push_back(std::move(other->second));
    }
    sorted.push_back(std::move(item));
  }
  for (; other != others.end(); ++other) sorted.push_back(std::move(other->second));
  return sorted;
}

}  // namespace godwit::json
