// A command line in the making; for this folder's own use.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.hpp"

namespace godwit::qemu {

class Arguments {
 public:
  explicit Arguments(std::string program) : argv_{std::move(program)} {}
  void add(std::string option) { argv_.push_back(std::move(option)); }
  void add(std::string option, std::string value) {
    argv_.push_back(std::move(option));
    argv_.push_back(std::move(value));
  }
  void add(std::string option, const json::Object& value) { add(std::move(option), json::write(value)); }
  std::vector<std::string> take() { return std::move(argv_); }

 private:
  std::vector<std::string> argv_;
};

/// A value within QEMU's key=value lists.
[[nodiscard]] std::string escape_commas(const std::filesystem::path& path);

/// A character device: a listening unix socket.
[[nodiscard]] std::string socket_chardev(std::string_view id, const std::filesystem::path& path);

}  // namespace godwit::qemu
