// KubeVirt's admission rules (src/rules), hung into the embedded server's chain.
#pragma once

#include <memory>

#include "apiserver/admission.hpp"

namespace godwit {

[[nodiscard]] std::shared_ptr<apiserver::Admission> kubevirt_admission();

}  // namespace godwit
