#include <fmt/format.h>

#include "json/patch.hpp"
#include "json/pointer.hpp"

namespace godwit::json {

namespace {

constexpr std::size_t max_operations = 10'000;
// Copies of copies grow without bound; this is kube-apiserver's limit.
constexpr std::size_t max_copied = 3 << 20;

/// One operation of a JSON patch, applied to a document in place.
class Operation {
 public:
  /// `copied` counts the bytes that copies have added so far.
  Operation(Value& root, const Object& text, std::size_t& copied) : root_{root}, text_{text}, copied_{copied} {}

  Result<> apply() {
    const auto op = word("op");
    if (!op) return fail(op.error());
    const auto path = pointer("path");
    if (!path) return fail(path.error());
    if (*op == "remove") return remove(*path);
    if (*op == "move" || *op == "copy") return transfer(*path, *op == "move");
    const auto* value = text_.if_contains("value");
    if (*op != "add" && *op != "replace" && *op != "test") {
      return fail(Code::bad_request, fmt::format("unknown operation \"{}\"", *op));
    }
    if (value == nullptr) return fail(Code::bad_request, fmt::format("{} {}: \"value\" is missing", *op, *path));
    if (*op == "add") return add(*path, *value);
    return *op == "test" ? test(*path, *value) : replace(*path, *value);
  }

 private:
  [[nodiscard]] Result<std::string> word(std::string_view name) const {
    const auto* value = text_.if_contains(name);
    if (value == nullptr || !value->is_string()) {
      return fail(Code::bad_request, fmt::format("an operation's \"{}\" must be a string", name));
    }
    return std::string{value->get_string()};
  }

  [[nodiscard]] Result<std::string> pointer(std::string_view name) const {
    auto text = word(name);
    if (text && !text->empty() && !text->starts_with('/')) {
      return fail(Code::bad_request, fmt::format("\"{}\" is no JSON pointer", *text));
    }
    return text;
  }

  static Failure missing(std::string_view path) {
    return fail(Code::invalid, fmt::format("the path \"{}\" does not exist", path));
  }

  Result<> add(std::string_view path, Value value) {
    if (path.empty()) {
      root_ = std::move(value);
      return {};
    }
    const auto cut = last_step(path);
    auto tail = path.substr(cut);
    const auto step = take_step(tail);
    auto* parent = find(root_, path.substr(0, cut));
    if (parent == nullptr || !step) return missing(path);
    if (auto* object = parent->if_object()) {
      (*object)[*step] = std::move(value);
      return {};
    }
    auto* list = parent->if_array();
    if (list == nullptr) return missing(path);
    const auto index = *step == "-" ? std::optional{list->size()} : parse_index(*step);
    if (!index || *index > list->size()) return missing(path);
    list->insert(list->begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
    return {};
  }

  Result<> remove(std::string_view path) {
    if (path.empty()) {
      root_ = nullptr;
      return {};
    }
    return erase(root_, path) ? Result<>{} : Result<>{missing(path)};
  }

  Result<> replace(std::string_view path, const Value& value) {
    auto* at = find(root_, path);
    if (at == nullptr) return missing(path);
    *at = value;
    return {};
  }

  Result<> test(std::string_view path, const Value& value) {
    const auto& root = static_cast<const Value&>(root_);
    const auto* at = find(root, path);
    if (at == nullptr && find(root, path.substr(0, last_step(path))) == nullptr) return missing(path);
    // A member that isn't there equals null, as for kube-apiserver.
    if (at == nullptr ? value.is_null() : equal(*at, value)) return {};
    return fail(Code::invalid, fmt::format("testing value {} failed: it is {}, not {}", path,
                                           at == nullptr ? "missing" : write(*at), write(value)));
  }

  Result<> transfer(const std::string& path, bool move) {
    const auto from = pointer("from");
    if (!from) return fail(from.error());
    const auto* source = find(static_cast<const Value&>(root_), *from);
    if (source == nullptr) return missing(*from);
    if (move && path.starts_with(*from + "/")) {
      return fail(Code::bad_request, fmt::format("\"{}\" cannot move into itself", *from));
    }
    Value value(*source);
    if (!move) copied_ += write(value).size();
    if (copied_ > max_copied) return fail(Code::bad_request, "the copies are too large");
    if (move && path == *from) return {};
    if (move) {
      if (auto done = remove(*from); !done) return done;
    }
    return add(path, std::move(value));
  }

  Value& root_;
  const Object& text_;
  std::size_t& copied_;
};

}  // namespace

Result<Value> json_patch(Value target, const Value& operations) {
  const auto* list = operations.if_array();
  if (list == nullptr) return fail(Code::bad_request, "a JSON patch must be a list of operations");
  if (list->size() > max_operations) {
    return fail(Code::bad_request, fmt::format("a JSON patch may have {} operations at most", max_operations));
  }
  std::size_t copied = 0;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto where = [&] { return fmt::format("JSON patch operation {}", i); };
    const auto* operation = (*list)[i].if_object();
    if (operation == nullptr) return fail(Code::bad_request, where() + ": must be an object");
    if (auto done = Operation{target, *operation, copied}.apply(); !done) return fail(done.error().within(where()));
  }
  return target;
}

}  // namespace godwit::json
