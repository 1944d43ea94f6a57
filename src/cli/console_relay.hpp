// Between a person's terminal (or a pipe) and one console connection after the other.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "cli/terminal.hpp"
#include "http/websocket.hpp"

namespace godwit::cli {

class ConsoleRelay {
 public:
  explicit ConsoleRelay(const Terminal& terminal) : terminal_{terminal} {}

  enum class End : unsigned char {
    left,    ///< Ctrl-], a signal, or the input is over and the guest has been quiet
    broken,  ///< the stream ended: the guest has stopped or moved
  };
  /// Carries bytes both ways until one of these.
  [[nodiscard]] End carry(http::WebSocket& socket);
  /// Waits between two connections; what is typed meanwhile is sent later. False when the person left.
  [[nodiscard]] bool wait(Duration duration);

 private:
  /// Takes what is on standard input into pending_; false when the person left.
  [[nodiscard]] bool read_input();

  const Terminal& terminal_;
  std::string pending_;
  bool input_over_ = false;
};

}  // namespace godwit::cli
