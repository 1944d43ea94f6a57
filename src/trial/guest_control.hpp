// The guest's control port: one command a line, one answer a line (guest/README.md).
#pragma once

#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace godwit::trial {

/// "ok count=5 intact=yes" as its fields. Code::internal carries what an "error …" answer says. Pure.
[[nodiscard]] Result<std::map<std::string, std::string>> parse_answer(const std::string& line);

/// Opens a connection of its own for the command.
[[nodiscard]] Result<std::map<std::string, std::string>> tell_guest(const std::string& address,
                                                                    const std::string& command, Deadline deadline);
/// Asks until the guest answers.
[[nodiscard]] Result<> wait_for_guest(const std::string& address, Deadline deadline);

}  // namespace godwit::trial
