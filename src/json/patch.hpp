// The three patches of the Kubernetes API.
#pragma once

#include "json/schema.hpp"
#include "json/value.hpp"

namespace godwit::json {

/// RFC 7386. null removes.
[[nodiscard]] Value merge_patch(Value target, const Value& patch);

/// RFC 6902: add, remove, replace, move, copy, test. A failed test or a missing path is Code::invalid; a malformed
/// patch Code::bad_request. Nothing is applied unless all of it is.
[[nodiscard]] Result<Value> json_patch(Value target, const Value& operations);

/// The JSON patch (RFC 6902) that turns `before` into `after`: objects by member, lists as a whole.
[[nodiscard]] Value diff(const Value& before, const Value& after);

/// Kubernetes' strategic merge patch: $patch (replace, delete, merge), $setElementOrder/<list>,
/// $deleteFromPrimitiveList/<list>, $retainKeys; lists merge by the schema's patch merge key.
[[nodiscard]] Result<Value> strategic_merge(Value target, const Value& patch, const Schema& schema);

}  // namespace godwit::json
