// The control port's commands: a line in, a line out. guest/README.md lists them.
#pragma once

#include <string>
#include <string_view>

#include "disk_writer.hpp"
#include "heartbeat.hpp"
#include "memory.hpp"
#include "outbound.hpp"

namespace godwit::guest {

/// Everything that can be steered; lives as long as the guest. Commands from any thread.
class Control {
 public:
  /// "ok …" or "error …", one line.
  [[nodiscard]] std::string execute(std::string_view line);

 private:
  Heartbeat heartbeat_;
  Pattern pattern_;
  Dirtier dirtier_;
  DiskWriter disk_{heartbeat_.run()};
  Outbound outbound_;
};

}  // namespace godwit::guest
