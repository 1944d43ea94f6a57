// godwit-guest: the program inside the tiny guest that trial, tests and benchmarks talk to.
#include <csignal>
#include <thread>

#include "agent_port.hpp"
#include "control.hpp"
#include "net.hpp"

int main() {
  using namespace godwit::guest;
  std::signal(SIGPIPE, SIG_IGN);
  static Control control;
  std::thread{[] { echo_datagrams(7001); }}.detach();
  std::thread{[] { serve_agent_port(); }}.detach();
  std::thread{[] { serve_tcp(7, echo_lines); }}.detach();
  serve_tcp(7000, [](int fd) {
    LineStream stream{fd};
    while (const auto line = stream.read_line()) {
      if (!stream.write_line(control.execute(*line))) return;
    }
  });
  return 1;  // init starts the program again
}
