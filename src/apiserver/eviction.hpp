// Whether a pod may be evicted: KubeVirt's webhook for pods/eviction.
#pragma once

#include "apiserver/objects.hpp"

namespace godwit::apiserver {

/// A guest that can move is marked to leave its node instead (not in a dry run): Code::too_many_requests, as long as it
/// hasn't moved. What to answer is decided by rules/eviction.hpp.
[[nodiscard]] Result<> allow_eviction(Objects& objects, const json::Value& pod, bool dry_run, const User& user);

}  // namespace godwit::apiserver
