// Takes a monitor's byte stream apart into lines. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace godwit::qemu {

class QmpLineSplitter {
 public:
  explicit QmpLineSplitter(std::size_t longest = std::size_t{64} << 20) : longest_{longest} {}
  /// The lines that the bytes complete, without line ends and without empty ones. Code::bad_request: a line longer than
  /// the limit; the stream is unusable from then on.
  [[nodiscard]] Result<std::vector<std::string>> feed(std::string_view bytes);

 private:
  std::size_t longest_;
  std::string rest_;
};

}  // namespace godwit::qemu
