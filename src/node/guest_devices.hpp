// What a VMI's spec says of its platform, clock, firmware and single devices. Pure.
#pragma once

#include "base/clock.hpp"
#include "json/value.hpp"
#include "qemu/platform.hpp"

namespace godwit::node {

[[nodiscard]] qemu::Platform platform_of(const json::Value& vmi);
/// `now`: a clock that is ahead of UTC, or behind, starts from it.
[[nodiscard]] qemu::Clock clock_of(const json::Value& vmi, WallTime now);
/// Without the files of UEFI.
[[nodiscard]] qemu::Firmware firmware_of(const json::Value& vmi);
/// Without the state of the TPM.
[[nodiscard]] qemu::Devices devices_of(const json::Value& vmi);

}  // namespace godwit::node
