// JSON text as Go's encoder writes it, whose decoder refuses "1E0" for a whole number.
#include <charconv>
#include <cmath>

#include "json/value.hpp"
#include "json/write_number.hpp"

namespace godwit::json {

std::string write_double(double number) {
  if (!std::isfinite(number)) return "null";
  const double size = std::fabs(number);
  const bool plain = number == 0 || (size >= 1e-6 && size < 1e21);
  char text[400];
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(text, text + sizeof text, number, format).ptr;
  std::string out{text, end};
  if (out == "-0") return "0";
  // Go writes 1e-07 as 1e-7.
  if (const auto e = out.find("e-0"); e != std::string::npos) out.erase(e + 2, 1);
  return out;
}

namespace {

void write_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7f) {
          out += "\\u00";
          out += hex[byte >> 4];
          out += hex[byte & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

class Writer {
 public:
  Writer(std::string& out, bool pretty) : out_{out}, pretty_{pretty} {}

  void write(const Value& value) {
    switch (value.kind()) {
      case boost::json::kind::null: out_ += "null"; break;
      case boost::json::kind::bool_: out_ += value.get_bool() ? "true" : "false"; break;
      case boost::json::kind::int64: out_ += std::to_string(value.get_int64()); break;
      case boost::json::kind::uint64: out_ += std::to_string(value.get_uint64()); break;
      case boost::json::kind::double_: out_ += write_double(value.get_double()); break;
      case boost::json::kind::string: write_string(out_, value.get_string()); break;
      case boost::json::kind::array: write_array(value.get_array()); break;
      case boost::json::kind::object: write_object(value.get_object()); break;
    }
  }

 private:
  void write_array(const Array& array) {
    out_ += '[';
    ++depth_;
    bool first = true;
    for (const auto& item : array) {
      separate(first);
      write(item);
    }
    close(']', array.empty());
  }

  void write_object(const Object& object) {
    out_ += '{';
    ++depth_;
    bool first = true;
    for (const auto& [name, value] : object) {
      separate(first);
      write_string(out_, name);
      out_ += pretty_ ? ": " : ":";
      write(value);
    }
    close('}', object.empty());
  }

  void separate(bool& first) {
    if (!first) out_ += ',';
    first = false;
    new_line();
  }

  void close(char bracket, bool empty) {
    --depth_;
    if (!empty) new_line();
    out_ += bracket;
  }

  void new_line() {
    if (!pretty_) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(depth_) * 2, ' ');
  }

  std::string& out_;
  bool pretty_;
  int depth_ = 0;
};

}  // namespace

std::string write(const Value& value) {
  std::string out;
  Writer{out, false}.write(value);
  return out;
}

std::string write_pretty(const Value& value) {
  std::string out;
  Writer{out, true}.write(value);
  return out;
}

}  // namespace godwit::json
