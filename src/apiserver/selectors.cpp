#include "apiserver/selectors.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/text.hpp"

namespace godwit::apiserver {
namespace {

/// Splits at commas outside parentheses.
std::vector<std::string> terms_of(std::string_view text) {
  std::vector<std::string> terms;
  std::string term;
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == ',' && depth == 0) {
      terms.push_back(std::move(term));
      term.clear();
    } else {
      term += c;
    }
  }
  terms.push_back(std::move(term));
  return terms;
}

Result<Requirement> parse_set(std::string_view term, std::size_t open) {
  const std::string head{trim(term.substr(0, open))};
  const std::size_t space = head.find_last_of(' ');
  if (space == std::string::npos || term.back() != ')') {
    return fail(Code::bad_request, fmt::format("unable to parse requirement: \"{}\"", term));
  }
  const std::string word = head.substr(space + 1);
  Requirement requirement{
      .op = Requirement::Operator::in, .key = std::string{trim(head.substr(0, space))}, .values = {}};
  if (word == "notin") {
    requirement.op = Requirement::Operator::not_in;
  } else if (word != "in") {
    return fail(Code::bad_request, fmt::format("unable to parse requirement: '{}' is not a valid operator", word));
  }
  for (const std::string& value : split(term.substr(open + 1, term.size() - open - 2), ',')) {
    requirement.values.emplace_back(trim(value));
  }
  return requirement;
}

Result<Requirement> parse_term(std::string_view raw) {
  const std::string_view term = trim(raw);
  if (term.empty()) return fail(Code::bad_request, "unable to parse requirement: found '', expected: identifier");
  if (const std::size_t open = term.find('('); open != std::string_view::npos) return parse_set(term, open);
  if (const std::size_t at = term.find("!="); at != std::string_view::npos) {
    return Requirement{
        Requirement::Operator::not_in, std::string{trim(term.substr(0, at))}, {std::string{trim(term.substr(at + 2))}}};
  }
  if (const std::size_t at = term.find('='); at != std::string_view::npos) {
    const std::size_t value = term.find_first_not_of('=', at);
    return Requirement{Requirement::Operator::in,
                       std::string{trim(term.substr(0, at))},
                       {value == std::string_view::npos ? std::string{} : std::string{trim(term.substr(value))}}};
  }
  if (term.front() == '!') return Requirement{Requirement::Operator::not_exists, std::string{trim(term.substr(1))}, {}};
  return Requirement{Requirement::Operator::exists, std::string{term}, {}};
}

Result<> check_key(const std::string& key) {
  const auto fits = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
  };
  if (!key.empty() && std::all_of(key.begin(), key.end(), fits)) return {};
  return fail(Code::bad_request, fmt::format("unable to parse requirement: invalid label key \"{}\"", key));
}

}  // namespace

Result<Selector> Selector::labels(std::string_view text) {
  Selector selector;
  if (trim(text).empty()) return selector;
  for (const std::string& term : terms_of(text)) {
    auto requirement = parse_term(term);
    if (!requirement) return fail(requirement.error());
    if (auto known = check_key(requirement->key); !known) return fail(known.error());
    selector.requirements_.push_back(std::move(*requirement));
  }
  return selector;
}

Result<Selector> Selector::fields(std::string_view text, const Kind& kind) {
  auto selector = labels(text);
  if (!selector) return selector;
  selector->of_fields_ = true;
  for (const Requirement& requirement : selector->requirements_) {
    const auto& known = kind.selectable_fields;
    const bool always = requirement.key == "metadata.name" || requirement.key == "metadata.namespace";
    if (!always && std::find(known.begin(), known.end(), requirement.key) == known.end()) {
      return fail(Code::bad_request, fmt::format("field label not supported: {}", requirement.key));
    }
  }
  return selector;
}

std::vector<std::string> Selector::values_of(const json::Value& object, const std::string& key, bool& present) const {
  std::string pointer;
  if (of_fields_) {
    for (const std::string& step : split(key, '.')) pointer += "/" + json::escape(step);
  } else {
    pointer = "/metadata/labels/" + json::escape(key);
  }
  const json::Value* found = json::find(object, pointer);
  present = found != nullptr || of_fields_;
  if (found == nullptr) return {std::string{}};
  if (found->is_string()) return {std::string{found->as_string()}};
  return {json::write(*found)};
}

bool Selector::matches(const json::Value& object) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    bool present = false;
    const std::string value = values_of(object, requirement.key, present).front();
    const bool listed =
        present && std::find(requirement.values.begin(), requirement.values.end(), value) != requirement.values.end();
    // A boolean field that is absent counts as false.
    const bool absent_false =
        of_fields_ && value.empty() &&
        std::find(requirement.values.begin(), requirement.values.end(), "false") != requirement.values.end();
    switch (requirement.op) {
      case Requirement::Operator::in: return listed || absent_false;
      case Requirement::Operator::not_in: return !(listed || absent_false);
      case Requirement::Operator::exists: return present;
      case Requirement::Operator::not_exists: return !present;
    }
    return false;
  });
}

}  // namespace godwit::apiserver
