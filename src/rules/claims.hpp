// Which volume suits a claim, and which class a claim without one gets.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "json/value.hpp"

namespace godwit::rules {

using SharedObject = std::shared_ptr<const json::Value>;

/// The class marked storageclass.kubernetes.io/is-default-class: of several the newest, then the first by name; "" :
/// none.
[[nodiscard]] std::string default_class(const std::vector<SharedObject>& classes);

/// A volume made for the claim, or reserved for it by name; else the smallest free one of its class that has all its
/// access modes and enough room; null when there is none.
[[nodiscard]] SharedObject volume_for(const json::Value& claim, const std::vector<SharedObject>& volumes);

}  // namespace godwit::rules
