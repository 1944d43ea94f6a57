#include "json/pointer.hpp"

#include <charconv>

#include "json/value.hpp"

namespace godwit::json {

std::optional<std::string> take_step(std::string_view& pointer) {
  if (!pointer.starts_with('/')) return std::nullopt;
  pointer.remove_prefix(1);
  const auto raw = pointer.substr(0, pointer.find('/'));
  pointer.remove_prefix(raw.size());
  std::string step;
  step.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escaped = raw[i] == '~' && i + 1 < raw.size() && (raw[i + 1] == '0' || raw[i + 1] == '1');
    step += !escaped ? raw[i] : raw[++i] == '0' ? '~' : '/';
  }
  return step;
}

std::optional<std::size_t> parse_index(std::string_view step) {
  if (step.empty() || (step.size() > 1 && step.front() == '0')) return std::nullopt;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (error != std::errc{} || end != step.data() + step.size()) return std::nullopt;
  return index;
}

std::string escape(std::string_view step) {
  std::string out;
  out.reserve(step.size());
  for (const char c : step) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

const Value* find(const Value& root, std::string_view pointer) {
  const Value* at = &root;
  while (!pointer.empty()) {
    const auto step = take_step(pointer);
    if (!step) return nullptr;
    if (const auto* object = at->if_object()) {
      at = object->if_contains(*step);
    } else if (const auto* array = at->if_array()) {
      const auto index = parse_index(*step);
      at = index && *index < array->size() ? &(*array)[*index] : nullptr;
    } else {
      at = nullptr;
    }
    if (at == nullptr) return nullptr;
  }
  return at;
}

Value* find(Value& root, std::string_view pointer) {
  return const_cast<Value*>(find(static_cast<const Value&>(root), pointer));
}

namespace {

/// The value at the path, made on the way; nullptr where a list has no such index or the path is malformed.
Value* make(Value& root, std::string_view pointer) {
  Value* at = &root;
  while (!pointer.empty()) {
    const auto step = take_step(pointer);
    if (!step) return nullptr;
    if (auto* array = at->if_array()) {
      if (*step == "-") {
        at = &array->emplace_back(nullptr);
        continue;
      }
      const auto index = parse_index(*step);
      if (!index || *index >= array->size()) return nullptr;
      at = &(*array)[*index];
    } else {
      if (!at->is_object()) at->emplace_object();
      at = &at->as_object()[*step];
    }
  }
  return at;
}

}  // namespace

void set(Value& root, std::string_view pointer, Value value) {
  if (auto* at = make(root, pointer)) *at = std::move(value);
}

bool erase(Value& root, std::string_view pointer) {
  const auto cut = last_step(pointer);
  if (cut == std::string_view::npos) return false;
  auto tail = pointer.substr(cut);
  const auto step = take_step(tail);
  auto* parent = find(root, pointer.substr(0, cut));
  if (parent == nullptr || !step) return false;
  if (auto* object = parent->if_object()) {
    const auto it = object->find(*step);
    if (it == object->end()) return false;
    object->stable_erase(it);
    return true;
  }
  if (auto* array = parent->if_array()) {
    const auto index = parse_index(*step);
    if (!index || *index >= array->size()) return false;
    array->erase(array->begin() + static_cast<std::ptrdiff_t>(*index));
    return true;
  }
  return false;
}

}  // namespace godwit::json
