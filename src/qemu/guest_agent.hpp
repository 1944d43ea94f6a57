// Speaks with a guest's agent (qemu-ga) over its channel: one command after the other, nothing kept in between.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "json/value.hpp"

namespace godwit::qemu {

/// One conversation. The channel takes one at a time; a second waits for the first to end.
class GuestAgent {
 public:
  /// Connects and makes sure that answers belong to questions. Code::timeout: no agent answers.
  [[nodiscard]] static Result<GuestAgent> reach(const std::filesystem::path& socket, Deadline deadline);
  GuestAgent(GuestAgent&&) noexcept;
  GuestAgent& operator=(GuestAgent&&) noexcept;
  ~GuestAgent();

  /// The reply's "return". What the guest says is not to be trusted. Code::not_found: it doesn't know the command.
  [[nodiscard]] Result<json::Value> ask(const std::string& command, const json::Value& arguments, Deadline deadline);
  /// For commands that have no answer when they succeed (guest-shutdown).
  [[nodiscard]] Result<> tell(const std::string& command, const json::Value& arguments, Deadline deadline);

 private:
  struct Lines;
  GuestAgent(UniqueFd socket);
  [[nodiscard]] Result<json::Value> next(Deadline deadline);

  UniqueFd socket_;
  std::unique_ptr<Lines> lines_;
};

}  // namespace godwit::qemu
