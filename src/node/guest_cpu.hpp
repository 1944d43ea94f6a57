// Which CPU a guest gets on this host. Pure.
#pragma once

#include <set>
#include <string>

#include "json/value.hpp"
#include "qemu/command_line.hpp"

namespace godwit::node {

/// What this host's QEMU can give.
struct HostCpu {
  qemu::Accelerator accelerator = qemu::Accelerator::tcg;
  std::string host_model = "qemu64";  ///< what `host-model` means here
  std::set<std::string> cpu_features = {};
};

/// The VMI's annotation that keeps what its CPU became where it was started first: a migration's target makes the same.
inline constexpr auto cpu_annotation = "godwit.io/cpu";

/// QEMU's -cpu: model, features and the enlightenments that the VMI asks for. `host-passthrough` is everything that the
/// host's KVM has, or that the emulator can emulate; features of policy `optional` depend on the host.
[[nodiscard]] std::string cpu_argument(const json::Value& vmi, const HostCpu& host);

}  // namespace godwit::node
