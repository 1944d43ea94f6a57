// The disks of a VMI's machine, out of its spec and the files of its volumes. Pure.
#pragma once

#include <vector>

#include "node/guest_plan.hpp"

namespace godwit::node {

/// In the spec's order. Code::invalid names a disk without a volume.
[[nodiscard]] Result<std::vector<qemu::Disk>> plan_disks(const json::Value& vmi, const VolumePaths& volumes);

}  // namespace godwit::node
