// What a VMI's volumes mean for others: which claims they use, which of them have a content of their own.
#pragma once

#include <optional>
#include <string>

#include "json/value.hpp"

namespace godwit::rules {

/// The claim that a volume uses, also one that it only reads; "" when it uses none.
[[nodiscard]] std::string claim_of(const json::Value& volume);
/// What the guest writes to it lives as long as the instance: containerDisk, emptyDisk, ephemeral.
[[nodiscard]] bool dies_with_instance(const json::Value& volume);

/// Shown as a disk of files that an agent makes, read only: cloud-init's, configMap, secret, serviceAccount.
[[nodiscard]] bool is_made_of_files(const json::Value& volume);

/// The condition Synchronized that a VMI has while a container of its launcher pod waits for an image; nothing
/// otherwise.
[[nodiscard]] std::optional<json::Value> image_condition(const json::Value& pod);

}  // namespace godwit::rules
