#include "kube/watch_lines.hpp"

#include "base/text.hpp"
#include "kube/request.hpp"

namespace godwit::kube {
namespace {

std::optional<WatchEvent::Type> type_of(std::string_view word) {
  if (word == "ADDED") return WatchEvent::Type::added;
  if (word == "MODIFIED") return WatchEvent::Type::modified;
  if (word == "DELETED") return WatchEvent::Type::deleted;
  if (word == "BOOKMARK") return WatchEvent::Type::bookmark;
  return std::nullopt;
}

}  // namespace

bool WatchLines::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) {
      partial_ += bytes;
      return true;
    }
    if (partial_.empty()) {
      if (!line(bytes.substr(0, end))) return false;
    } else {
      partial_ += bytes.substr(0, end);
      const std::string whole = std::move(partial_);
      partial_.clear();
      if (!line(whole)) return false;
    }
    bytes.remove_prefix(end + 1);
  }
  return true;
}

bool WatchLines::line(std::string_view text) {
  if (trim(text).empty()) return true;
  auto event = json::parse(text);
  if (!event) {
    error_ = event.error().within("a watch event");
    return false;
  }
  auto* object = json::find(*event, "/object");
  const auto word = json::string_at(*event, "/type");
  if (word == "ERROR" && object != nullptr) {
    error_ = error_of_status(*object, 500);
    return false;
  }
  const auto type = type_of(word);
  if (!type || object == nullptr || !object->is_object()) {
    error_ = Error{Code::internal, "a watch event of an unknown form: type \"" + word + "\"", {}};
    return false;
  }
  on_event_(WatchEvent{*type, std::move(*object)});
  return true;
}

}  // namespace godwit::kube
