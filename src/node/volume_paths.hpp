// Finds the files of a VMI's volumes on this host, through the API.
#pragma once

#include "kube/client.hpp"
#include "node/guest_plan.hpp"

namespace godwit::node {

/// Code::unavailable while a claim isn't bound yet; Code::not_found when there is none.
[[nodiscard]] Result<VolumePaths> find_volumes(const kube::Client& client, const json::Value& vmi);

}  // namespace godwit::node
