#include "qemu/guest_agent.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <deque>
#include <functional>

#include "base/random.hpp"
#include "qemu/qmp_line_splitter.hpp"
#include "qemu/qmp_socket.hpp"

namespace godwit::qemu {
namespace {

constexpr std::size_t longest_line = std::size_t{1} << 20;  // of a guest that may be hostile

json::Object command_of(const std::string& command, const json::Value& arguments) {
  json::Object words{{"execute", command}};
  if (arguments.is_object() && !arguments.as_object().empty()) words["arguments"] = arguments;
  return words;
}

}  // namespace

struct GuestAgent::Lines {
  QmpLineSplitter splitter{longest_line};
  std::deque<std::string> ready;
};

GuestAgent::GuestAgent(UniqueFd socket) : socket_{std::move(socket)}, lines_{std::make_unique<Lines>()} {}
GuestAgent::GuestAgent(GuestAgent&&) noexcept = default;
GuestAgent& GuestAgent::operator=(GuestAgent&&) noexcept = default;
GuestAgent::~GuestAgent() = default;

Result<GuestAgent> GuestAgent::reach(const std::filesystem::path& socket, Deadline deadline) {
  auto fd = connect_to(socket, deadline);
  if (!fd) return fail(fd.error());
  GuestAgent agent{std::move(*fd)};
  const auto id = static_cast<std::int64_t>(std::hash<std::string>{}(random_uuid()) >> 33U);
  if (auto told = agent.tell("guest-sync", json::Object{{"id", id}}, deadline); !told) return fail(told.error());
  for (;;) {  // answers to somebody's earlier questions are passed over
    const auto answer = agent.next(deadline);
    if (!answer) return fail(answer.error());
    if (json::int_at(*answer, "/return") == id) return agent;
  }
}

Result<json::Value> GuestAgent::next(Deadline deadline) {
  while (lines_->ready.empty()) {
    pollfd ready{socket_.get(), POLLIN, 0};
    const int n = ::poll(&ready, 1, deadline.poll_timeout());
    if (n == 0) return fail(Code::timeout, "the guest's agent does not answer");
    if (n < 0 && errno != EINTR) return fail_errno("poll");
    char buffer[16384];
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got == 0) return fail(Code::unavailable, "the agent's channel ended");
    if (got < 0 && errno != EAGAIN && errno != EINTR) return fail_errno("the agent's channel");
    if (got < 0) continue;
    auto lines = lines_->splitter.feed({buffer, static_cast<std::size_t>(got)});
    if (!lines) return fail(lines.error());
    for (std::string& line : *lines) lines_->ready.push_back(std::move(line));
  }
  const std::string line = std::move(lines_->ready.front());
  lines_->ready.pop_front();
  // A line that is no JSON is no answer of ours.
  return json::parse(line).value_or(json::Value(json::Object{}));
}

Result<> GuestAgent::tell(const std::string& command, const json::Value& arguments, Deadline deadline) {
  return send_all(socket_.get(), json::write(command_of(command, arguments)) + "\n", {}, deadline);
}

Result<json::Value> GuestAgent::ask(const std::string& command, const json::Value& arguments, Deadline deadline) {
  if (auto told = tell(command, arguments, deadline); !told) return fail(told.error());
  auto answer = next(deadline);
  if (!answer) return answer;
  if (const auto* value = json::find(*answer, "/return")) return *value;
  const auto why = json::string_at(*answer, "/error/desc");
  const bool unknown = json::string_at(*answer, "/error/class") == "CommandNotFound";
  return fail(unknown ? Code::not_found : Code::bad_request, command + ": " + why);
}

}  // namespace godwit::qemu
