// What users ask of a running guest: pause, unpause, soft reboot, reset. Kept in the VMI's status.control, so that it
// outlives agents and moves with the guest; done by the agent of the guest's owner. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::rules {

enum class GuestRequest : unsigned char { none, pause, unpause, soft_reboot, reset };

struct GuestControl {
  bool paused = false;                        ///< the guest is to stand still
  GuestRequest pending = GuestRequest::none;  ///< asked for and not done yet
  std::int64_t generation = 0;                ///< counts the requests
};
/// As long as nothing was asked, spec.startStrategy says whether the guest is to stand still.
[[nodiscard]] GuestControl read_control(const json::Value& vmi);
[[nodiscard]] bool wants_pause(const json::Value& vmi);

/// The VMI with the request in it. Code::conflict: why it can't be asked now, in KubeVirt's words.
[[nodiscard]] Result<json::Value> with_request(json::Value vmi, GuestRequest request);
/// Notes that the request of that generation is done, or why it can't be.
void note_done(json::Value& vmi, std::int64_t generation, std::string_view refusal);
/// Has the request of that generation been dealt with?
[[nodiscard]] bool is_done(const json::Value& vmi, std::int64_t generation);

}  // namespace godwit::rules
