// Admission of what the scheduler reads: pods' priorities, tolerations and rules about nodes; priority classes.
#pragma once

#include <memory>

#include "apiserver/admission.hpp"

namespace godwit {

[[nodiscard]] std::shared_ptr<apiserver::Admission> scheduling_admission();

}  // namespace godwit
