#include "qemu/qmp_line_splitter.hpp"

#include <fmt/format.h>

namespace godwit::qemu {

Result<std::vector<std::string>> QmpLineSplitter::feed(std::string_view bytes) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (rest_.size() + part.size() > longest_) {
      return fail(Code::bad_request, fmt::format("a line of the monitor is longer than {} bytes", longest_));
    }
    rest_ += part;
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    if (rest_.ends_with('\r')) rest_.pop_back();
    if (!rest_.empty()) lines.push_back(std::exchange(rest_, {}));
  }
  return lines;
}

}  // namespace godwit::qemu
