// What the agent of a node may put into the objects that it may write.
#pragma once

#include <memory>

#include "apiserver/admission.hpp"

namespace godwit::apiserver {

/// Holds node users to their own Node and Lease, to volumes of claims that were given to them, and to the parts of
/// other objects that are theirs. Other users are not judged.
[[nodiscard]] std::shared_ptr<Admission> node_restriction();

}  // namespace godwit::apiserver
