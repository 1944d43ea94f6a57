#include <algorithm>

#include "json/write_number.hpp"
#include "json/yaml.hpp"
#include "json/yaml_scalar.hpp"

namespace godwit::json {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Whether the text, unquoted, is read back as the same string.
bool is_plain(std::string_view text) {
  if (text.empty() || !plain_scalar(text).is_string() || text == "<<") return false;
  if (std::string_view{"-?:,[]{}#&*!|>'\"%@`= "}.find(text.front()) != std::string_view::npos) return false;
  if (text.back() == ' ' || text.back() == ':' || text.starts_with("...")) return false;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return false;
  return std::ranges::none_of(text, is_control) && text.find("\xC2\x85") == std::string_view::npos &&
         text.find("\xE2\x80\xA8") == std::string_view::npos && text.find("\xEF\xBB\xBF") == std::string_view::npos;
}

/// Whether a literal block ("|") carries the text unchanged.
bool is_block(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n') return false;
  return std::ranges::none_of(text, [](char c) { return is_control(c) && c != '\n'; });
}

class YamlWriter {
 public:
  /// A whole document.
  std::string document(const Value& value) {
    if (is_nested(value)) {
      members(value, 0);
    } else {
      scalar(value, 0);
      out_ += '\n';
    }
    return std::move(out_);
  }

 private:
  static bool is_nested(const Value& value) {
    return (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
  }

  /// The lines of an object or list that is not empty; the first line's indentation stands already if `inlined`.
  void members(const Value& value, std::size_t indent, bool inlined = false) {
    const auto start_line = [&] {
      if (!inlined) out_.append(indent, ' ');
      inlined = false;
    };
    if (const auto* list = value.if_array()) {
      for (const auto& item : *list) {
        start_line();
        out_ += "- ";
        if (is_nested(item)) {
          members(item, indent + 2, true);
        } else {
          scalar(item, indent);
          out_ += '\n';
        }
      }
      return;
    }
    for (const auto& [name, content] : value.get_object()) {
      start_line();
      key(name);
      if (is_nested(content)) {
        out_ += '\n';
        // A list stands at the indentation of its key, as kubectl writes it.
        members(content, content.is_array() ? indent : indent + 2);
      } else {
        out_ += ' ';
        scalar(content, indent);
        out_ += '\n';
      }
    }
  }

  void key(std::string_view name) {
    out_ += is_plain(name) ? std::string{name} : write(Value(name));
    out_ += ':';
  }

  void scalar(const Value& value, std::size_t indent) {
    const auto* text = value.if_string();
    if (text == nullptr) {
      out_ += write(value);
    } else if (is_plain(*text)) {
      out_ += std::string_view{*text};
    } else if (!text->empty() && is_block(*text)) {
      block(*text, indent + 2);
    } else {
      out_ += write(value);
    }
  }

  void block(std::string_view text, std::size_t indent) {
    const bool ends = text.ends_with('\n');
    out_ += ends ? (text.ends_with("\n\n") ? "|+" : "|") : "|-";
    if (ends) text.remove_suffix(1);
    while (true) {
      const auto line = text.substr(0, text.find('\n'));
      out_ += '\n';
      if (!line.empty()) out_.append(indent, ' ').append(line);
      if (line.size() == text.size()) break;
      text.remove_prefix(line.size() + 1);
    }
  }

  std::string out_;
};

}  // namespace

std::string write_yaml(const Value& value) { return YamlWriter{}.document(value); }

}  // namespace godwit::json
