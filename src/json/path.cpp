#include "json/path.hpp"

#include <charconv>

#include <fmt/format.h>

namespace godwit::json {

class PathParser {
 public:
  using Step = Path::Step;
  explicit PathParser(std::string_view text) : text_{text}, rest_{text} {}

  Result<Path> run() {
    if (rest_.starts_with('{')) {
      if (!rest_.ends_with('}')) return wrong("\"}\" is missing");
      rest_ = rest_.substr(1, rest_.size() - 2);
    }
    take("$");
    Path path;
    if (rest_ == ".") return path;
    while (!rest_.empty()) {
      auto step = next();
      if (!step) return fail(step.error());
      path.steps_.push_back(std::move(*step));
    }
    return path;
  }

 private:
  [[nodiscard]] Failure wrong(std::string_view what) const {
    return fail(Code::invalid, fmt::format("JSONPath \"{}\", before \"{}\": {}", text_, rest_, what));
  }

  bool take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }

  void skip_spaces() {
    while (take(" ")) {
    }
  }

  /// Up to one of the characters in `ends`; a backslash takes the next character as it is.
  std::string take_until(std::string_view ends) {
    std::string name;
    while (!rest_.empty() && ends.find(rest_.front()) == std::string_view::npos) {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      name += rest_.front();
      rest_.remove_prefix(1);
    }
    return name;
  }

  /// A text in either kind of quotes; nothing when there is none or it isn't closed.
  std::optional<std::string> take_quoted() {
    if (!rest_.starts_with('"') && !rest_.starts_with('\'')) return std::nullopt;
    const auto quote = rest_.substr(0, 1);
    rest_.remove_prefix(1);
    auto text = take_until(quote);
    if (!take(quote)) return std::nullopt;
    return text;
  }

  Result<Step> next() {
    if (take("[?(")) return filter();
    if (take("[*]") || take(".*")) return Step{.kind = Step::Kind::wildcard};
    if (take("[")) return subscript();
    if (!take(".")) return wrong("expected \".\" or \"[\"");
    auto name = take_until(".[]} ");
    if (name.empty()) return wrong("a name is missing");
    return Step{.kind = Step::Kind::member, .name = std::move(name)};
  }

  Result<Step> subscript() {
    Step step{.kind = Step::Kind::member};
    if (auto name = take_quoted()) {
      step.name = std::move(*name);
    } else {
      step.kind = Step::Kind::index;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), step.index);
      if (error != std::errc{}) return wrong("an index or a quoted name is missing");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    }
    if (!take("]")) return wrong("\"]\" is missing");
    return step;
  }

  Result<Step> filter() {
    Step step{.kind = Step::Kind::filter};
    skip_spaces();
    if (!take("@.")) return wrong("a filter starts with \"@.\"");
    step.name = take_until("=!<>~.[]() ");
    skip_spaces();
    if (step.name.empty() || !take("==")) return wrong("a filter is \"@.name==literal\"");
    skip_spaces();
    const bool quoted = rest_.starts_with('"') || rest_.starts_with('\'');
    auto literal = quoted ? take_quoted() : std::optional{take_until(")] ")};
    if (!literal) return wrong("the quote is not closed");
    step.equals = std::move(*literal);
    skip_spaces();
    if (!take(")]")) return wrong("\")]\" is missing");
    return step;
  }

  std::string_view text_, rest_;
};

Result<Path> Path::parse(std::string_view text) { return PathParser{text}.run(); }

namespace {

/// Calls `visit` with each item of a list, or each value of an object.
template <class Visit>
void for_each_child(const Value& value, Visit visit) {
  if (const auto* list = value.if_array()) {
    for (const auto& item : *list) visit(item);
  } else if (const auto* object = value.if_object()) {
    for (const auto& member : *object) visit(member.value());
  }
}

const Value* member_of(const Value& value, std::string_view name) {
  const auto* object = value.if_object();
  return object != nullptr ? object->if_contains(name) : nullptr;
}

const Value* item_of(const Value& value, std::int64_t index) {
  const auto* list = value.if_array();
  if (list == nullptr) return nullptr;
  const auto size = static_cast<std::int64_t>(list->size());
  if (index < 0) index += size;
  return index >= 0 && index < size ? &(*list)[static_cast<std::size_t>(index)] : nullptr;
}

bool reads_as(const Value& value, std::string_view literal) {
  return value.is_string() ? value.get_string() == literal : write(value) == literal;
}

}  // namespace

std::vector<const Value*> Path::select(const Value& root) const {
  std::vector<const Value*> selected{&root};
  for (const auto& step : steps_) {
    std::vector<const Value*> next;
    const auto add = [&](const Value* value) {
      if (value != nullptr) next.push_back(value);
    };
    for (const auto* at : selected) {
      switch (step.kind) {
        case Step::Kind::member: add(member_of(*at, step.name)); break;
        case Step::Kind::index: add(item_of(*at, step.index)); break;
        case Step::Kind::wildcard: for_each_child(*at, [&](const Value& child) { add(&child); }); break;
        case Step::Kind::filter:
          for_each_child(*at, [&](const Value& child) {
            const auto* tested = member_of(child, step.name);
            if (tested != nullptr && reads_as(*tested, step.equals)) add(&child);
          });
          break;
      }
    }
    selected = std::move(next);
  }
  return selected;
}

}  // namespace godwit::json
