// Builds values from libfyaml's parse events; its document builder would copy aliases without bound.
#include "json/yaml.hpp"

#include <map>
#include <memory>

#include <fmt/format.h>
#include <libfyaml.h>

#include "json/yaml_scalar.hpp"
#include "json/yaml_text.hpp"

namespace godwit::json {

namespace {

constexpr std::size_t max_depth = 256;
/// Values per document, aliases counted at each use: a text of a few lines can name billions.
constexpr std::size_t max_values = 1'000'000;

struct ParserDeleter {
  void operator()(fy_parser* p) const { fy_parser_destroy(p); }
};

struct DiagDeleter {
  void operator()(fy_diag* d) const { fy_diag_destroy(d); }
};

/// Collects errors, where libfyaml would print them.
std::unique_ptr<fy_diag, DiagDeleter> quiet_diag() {
  fy_diag_cfg config{};
  fy_diag_cfg_default(&config);
  config.fp = nullptr;
  config.output_fn = [](fy_diag*, void*, const char*, std::size_t) {};
  std::unique_ptr<fy_diag, DiagDeleter> diag{fy_diag_create(&config)};
  if (diag != nullptr) fy_diag_set_collect_errors(diag.get(), true);
  return diag;
}

std::string_view text_of(fy_token* token) {
  std::size_t length = 0;
  const char* text = token != nullptr ? fy_token_get_text(token, &length) : nullptr;
  return text != nullptr ? std::string_view{text, length} : std::string_view{};
}

std::size_t count_values(const Value& value) {
  std::size_t count = 1;
  if (const auto* list = value.if_array()) {
    for (const auto& item : *list) count += count_values(item);
  } else if (const auto* object = value.if_object()) {
    for (const auto& member : *object) count += count_values(member.value());
  }
  return count;
}

/// One document under construction.
class Builder {
 public:
  Result<> on(fy_event& event) {
    event_ = &event;
    switch (event.type) {
      case FYET_SCALAR: return scalar();
      case FYET_ALIAS: return alias();
      case FYET_MAPPING_START: return open(Object{}, event.mapping_start.anchor);
      case FYET_SEQUENCE_START: return open(Array{}, event.sequence_start.anchor);
      case FYET_MAPPING_END:
      case FYET_SEQUENCE_END: return close();
      default: return {};
    }
  }

  /// The finished document; the builder is ready for the next one.
  std::optional<Value> take() {
    auto done = std::move(root_);
    *this = Builder{};
    return done;
  }

 private:
  struct Open {
    Value value;
    std::string anchor = {};
    std::optional<std::string> key = {};
    std::vector<Value> merged = {};  ///< values of "<<"
    bool key_is_merge = false;
  };

  [[nodiscard]] Failure wrong(std::string_view what) const {
    const auto* mark = fy_event_start_mark(event_);
    return fail(Code::bad_request, mark == nullptr ? fmt::format("invalid YAML: {}", what)
                                                   : fmt::format("invalid YAML: line {}, column {}: {}", mark->line + 1,
                                                                 mark->column + 1, what));
  }

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().value.is_object() && !open_.back().key;
  }

  Result<> scalar() {
    auto* token = event_->scalar.value;
    const auto text = text_of(token);
    const auto tag = text_of(event_->scalar.tag);
    const bool plain = token == nullptr || fy_token_scalar_style(token) == FYSS_PLAIN;
    const bool string = tag == "!" || tag.ends_with("!str") || tag.ends_with(":str") || tag.ends_with("!binary");
    const bool as_string = string || (!plain && tag.empty());
    if (expects_key()) return key(as_string ? std::string{text} : plain_key(text), plain && text == "<<");
    return finish(as_string ? Value(text) : plain_scalar(text), std::string{text_of(event_->scalar.anchor)});
  }

  Result<> key(std::string name, bool merge) {
    auto& top = open_.back();
    if (!merge && top.value.get_object().contains(name)) {
      return wrong(fmt::format("key \"{}\" already set in map", name));
    }
    top.key = std::move(name);
    top.key_is_merge = merge;
    return {};
  }

  Result<> alias() {
    const std::string name{text_of(event_->alias.anchor)};
    const auto it = anchors_.find(name);
    if (it == anchors_.end()) return wrong(fmt::format("unknown anchor \"{}\"", name));
    if (expects_key()) {
      if (!it->second.is_string()) return wrong("a key must be a scalar");
      return key(std::string{it->second.get_string()}, false);
    }
    values_ += count_values(it->second);
    return finish(it->second, {});
  }

  Result<> open(Value value, fy_token* anchor) {
    if (expects_key()) return wrong("a key must be a scalar");
    if (open_.size() >= max_depth) return wrong("nested too deeply");
    open_.push_back({.value = std::move(value), .anchor = std::string{text_of(anchor)}});
    return {};
  }

  Result<> close() {
    auto top = std::move(open_.back());
    open_.pop_back();
    for (const auto& merged : top.merged) {
      if (!merge(top.value.get_object(), merged)) return wrong("only a map, or a list of maps, can be merged with <<");
    }
    return finish(std::move(top.value), top.anchor);
  }

  static bool merge(Object& into, const Value& from) {
    if (const auto* list = from.if_array()) {
      return std::ranges::all_of(*list, [&](const Value& item) { return item.is_object() && merge(into, item); });
    }
    const auto* object = from.if_object();
    if (object == nullptr) return false;
    for (const auto& member : *object) into.emplace(member.key(), member.value());
    return true;
  }

  Result<> finish(Value value, const std::string& anchor) {
    if (++values_ > max_values) return wrong("too many values");
    if (!anchor.empty()) anchors_.insert_or_assign(anchor, value);
    if (open_.empty()) {
      root_ = std::move(value);
      return {};
    }
    auto& top = open_.back();
    if (auto* list = top.value.if_array()) {
      list->push_back(std::move(value));
    } else if (top.key_is_merge) {
      top.merged.push_back(std::move(value));
    } else {
      top.value.get_object()[*top.key] = std::move(value);
    }
    top.key.reset();
    top.key_is_merge = false;
    return {};
  }

  fy_event* event_ = nullptr;
  std::vector<Open> open_;
  std::map<std::string, Value, std::less<>> anchors_;
  std::optional<Value> root_;
  std::size_t values_ = 0;
};

Failure stream_error(fy_diag* diag) {
  void* at = nullptr;
  const auto* error = fy_diag_errors_iterate(diag, &at);
  if (error == nullptr) return fail(Code::bad_request, "invalid YAML");
  return fail(Code::bad_request, fmt::format("invalid YAML: line {}, column {}: {}", error->line, error->column,
                                             error->msg != nullptr ? error->msg : "syntax error"));
}

}  // namespace

Result<std::vector<Value>> parse_yaml_documents(std::string_view text) {
  if (auto checked = check_yaml_text(text); !checked) return fail(checked.error());
  const auto diag = quiet_diag();
  if (diag == nullptr) return fail(Code::internal, "no YAML parser");
  fy_parse_cfg config{};
  config.diag = diag.get();
  config.flags = static_cast<fy_parse_cfg_flags>(FYPCF_COLLECT_DIAG | FYPCF_DISABLE_DEPTH_LIMIT | FYPCF_JSON_NONE);
  const std::unique_ptr<fy_parser, ParserDeleter> parser{fy_parser_create(&config)};
  if (parser == nullptr) return fail(Code::internal, "no YAML parser");
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::vector<Value>{};
  if (fy_parser_set_string(parser.get(), text.data(), text.size()) != 0) return stream_error(diag.get());
  std::vector<Value> documents;
  Builder builder;
  const auto free_event = [&](fy_event* event) { fy_parser_event_free(parser.get(), event); };
  while (true) {
    const std::unique_ptr<fy_event, decltype(free_event)> event{fy_parser_parse(parser.get()), free_event};
    if (event == nullptr) break;
    if (event->type == FYET_STREAM_END) break;
    if (auto done = builder.on(*event); !done) return fail(done.error());
    if (event->type != FYET_DOCUMENT_END) continue;
    if (auto document = builder.take(); document && !document->is_null()) documents.push_back(std::move(*document));
  }
  if (fy_parser_get_stream_error(parser.get())) return stream_error(diag.get());
  return documents;
}

Result<Value> parse_yaml(std::string_view text) {
  auto documents = parse_yaml_documents(text);
  if (!documents) return fail(documents.error());
  if (documents->size() != 1) {
    return fail(Code::bad_request, fmt::format("expected one YAML document, found {}", documents->size()));
  }
  return std::move(documents->front());
}

}  // namespace godwit::json
