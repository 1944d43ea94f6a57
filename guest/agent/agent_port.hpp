// A small guest agent: answers on the virtio port org.qemu.guest_agent.0 as qemu-ga would.
#pragma once

#include <string>
#include <string_view>

namespace godwit::guest {

/// The reply to one line of JSON, or "" for none.
std::string answer_agent_command(std::string_view line);
/// Serves the port for ever; waits until there is one.
[[noreturn]] void serve_agent_port();

}  // namespace godwit::guest
