// Stateless 1:1 translation of a guest's address at its tap: no connection is remembered, so none can be lost.
//
// Checksums that the guest left to be completed (offload) must be handled as such; nftables' payload rewriting gets
// them wrong. A small BPF program gets them right; the host decides how it is attached: with TCX (Linux 6.6 and newer),
// or as a classifier of tc's clsact (any older kernel, Debian 12's among them). The program is the same.
#pragma once

#include <string>

#include "base/result.hpp"

namespace godwit::hostnet {

enum class Hook : unsigned char {
  best,  ///< TCX where the kernel has it, else a classifier
  tcx,
  classifier,
};

/// From the guest, source `inside` becomes `outside`; towards it, destination `outside` becomes `inside`. Stays with
/// the device.
[[nodiscard]] Result<> translate(const std::string& device, const std::string& inside, const std::string& outside,
                                 Hook hook = Hook::best);

}  // namespace godwit::hostnet
