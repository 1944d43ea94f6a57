// Finds the files of a VMI's volumes on this host, through the API.
#pragma once

#include "kube/client.hpp"
#include "node/guest_plan.hpp"

namespace godwit::node {

/// Under this name: the directory of the claim that keeps UEFI variables and TPM. No volume can be called so.
inline constexpr auto vm_state = "/vm-state";

/// Code::unavailable while a claim isn't bound yet; Code::not_found when there is none.
[[nodiscard]] Result<VolumePaths> find_volumes(const kube::Client& client, const json::Value& vmi);

}  // namespace godwit::node
