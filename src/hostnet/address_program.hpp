// The BPF program that rewrites one address in the frames of a device. Internal.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit::hostnet {

enum class Rewrites : unsigned char { source, destination };

/// Loads it: where the address is `from` it becomes `to` (both in network byte order), and the opposite address of the
/// packet that an ICMP error quotes does too. It never ends the frame's way: later programs and filters see it.
[[nodiscard]] Result<UniqueFd> load_address_program(Rewrites which, std::uint32_t from, std::uint32_t to);

}  // namespace godwit::hostnet
