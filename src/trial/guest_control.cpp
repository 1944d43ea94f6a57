#include "trial/guest_control.hpp"

#include "base/text.hpp"
#include "trial/client_socket.hpp"

namespace godwit::trial {
namespace {

constexpr std::uint16_t control_port = 7000;

}  // namespace

Result<std::map<std::string, std::string>> parse_answer(const std::string& line) {
  const std::vector<std::string> words = split(trim(line), ' ');
  if (words[0] != "ok") return fail(Code::internal, "the guest says: " + line);
  std::map<std::string, std::string> fields;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    if (equals != std::string::npos) fields[words[i].substr(0, equals)] = words[i].substr(equals + 1);
  }
  return fields;
}

Result<std::map<std::string, std::string>> tell_guest(const std::string& address, const std::string& command,
                                                      Deadline deadline) {
  auto fd = connect_tcp(address, control_port, deadline);
  if (!fd) return fail(fd.error());
  LineSocket socket{std::move(*fd)};
  if (auto sent = socket.send(command); !sent) return fail(sent.error());
  const auto line = socket.receive(deadline);
  if (!line) return fail(line.error().within("`" + command + "`"));
  return parse_answer(*line);
}

Result<> wait_for_guest(const std::string& address, Deadline deadline) {
  Error last{Code::timeout, "no time was left"};
  while (!deadline.passed()) {
    const auto answer = tell_guest(address, "ping", Deadline::after(std::chrono::seconds{1}));
    if (answer) return {};
    last = answer.error();
    (void)sleep_for(std::chrono::milliseconds{50}, {});
  }
  return fail(Code::timeout, "the guest at " + address + " does not answer: " + last.message);
}

}  // namespace godwit::trial
