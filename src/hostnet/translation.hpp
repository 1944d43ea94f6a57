// Stateless 1:1 translation of a guest's address at its tap: no connection is remembered, so none can be lost.
//
// Checksums that the guest left to be completed (offload) must be handled as such; nftables' payload rewriting gets
// them wrong. Two mechanisms get them right, and the host decides: a small BPF program attached with TCX (Linux 6.6 and
// newer), or tc's `action nat` (act_nat, a module of Debian 12's kernel).
#pragma once

#include <string>

#include "base/result.hpp"

namespace godwit::hostnet {

/// From the guest, source `inside` becomes `outside`; towards it, destination `outside` becomes `inside`. Stays with
/// the device. Setting it twice is fine.
[[nodiscard]] Result<> translate(const std::string& device, const std::string& inside, const std::string& outside);

}  // namespace godwit::hostnet
