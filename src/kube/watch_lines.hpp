// The body of a watch: one JSON event a line, handed on as soon as its line is complete.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kube/client.hpp"

namespace godwit::kube {

class WatchLines {
 public:
  explicit WatchLines(const std::function<void(WatchEvent)>& on_event) : on_event_{on_event} {}
  /// Takes bytes as they come; false once the stream is of no more use (see error()).
  bool feed(std::string_view bytes);
  /// An ERROR event of the server (Code::expired: list again), or a line that isn't an event.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  bool line(std::string_view text);
  const std::function<void(WatchEvent)>& on_event_;
  std::string partial_;
  std::optional<Error> error_;
};

}  // namespace godwit::kube
