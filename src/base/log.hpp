// Logging: a named, copyable handle. Lines go to standard error as "time LEVEL name: text".
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace godwit {

enum class LogLevel : unsigned char { debug, info, warning, error, off };

class Log {
 public:
  /// A handle that writes to the process's standard error. Any thread may use it.
  explicit Log(std::string name) : name_{std::move(name)} {}

  /// What is less severe is dropped, process-wide (from main, and from tests that want quiet).
  static void set_level(LogLevel level);

  template <class... Args>
  void debug(fmt::format_string<Args...> text, Args&&... args) const {
    write(LogLevel::debug, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(fmt::format_string<Args...> text, Args&&... args) const {
    write(LogLevel::info, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> text, Args&&... args) const {
    write(LogLevel::warning, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(fmt::format_string<Args...> text, Args&&... args) const {
    write(LogLevel::error, text, std::forward<Args>(args)...);
  }

 private:
  static bool wanted(LogLevel level);
  static void line(LogLevel level, std::string_view name, std::string_view text);

  template <class... Args>
  void write(LogLevel level, fmt::format_string<Args...> text, Args&&... args) const {
    if (wanted(level)) line(level, name_, fmt::format(text, std::forward<Args>(args)...));
  }

  std::string name_;
};

}  // namespace godwit
