// Is KVM worth using here? /dev/kvm can exist, accept a guest and still interpret its kernel a thousand times too
// slowly.
#pragma once

#include <string>

namespace godwit::qemu {

struct KvmVerdict {
  bool fast = false;
  std::string reason;  ///< one line, with the measured figures
};

/// Runs a micro-guest in 64-bit paged supervisor mode, by itself without QEMU, and the same loop on the bare processor;
/// KVM is fast when the guest takes at most a few times as long. Takes at most three seconds; a child process bears the
/// risk.
[[nodiscard]] KvmVerdict probe_kvm();

}  // namespace godwit::qemu
