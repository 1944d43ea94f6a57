// The story as it goes: steps, and one line of live progress on a terminal. All on standard error, so that standard
// output can be one JSON object.
#pragma once

#include <string>

namespace godwit::trial {

class Display {
 public:
  Display();
  void step(const std::string& text);
  /// Replaces the line on a terminal; elsewhere prints it when it says something new.
  void progress(const std::string& text);
  void end_progress();
  [[nodiscard]] bool is_terminal() const { return terminal_; }

 private:
  bool terminal_;
  std::string last_;
};

}  // namespace godwit::trial
