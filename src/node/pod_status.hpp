// What the agent says of a launcher pod, as merge patches of its status.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "json/value.hpp"

namespace godwit::node {

struct PodPlace {
  std::string pod_uid;
  std::string host_address;
};

/// QEMU is not started yet; because that container, which stands for a volume, waits.
[[nodiscard]] json::Value pod_creating();
[[nodiscard]] json::Value pod_waiting(const std::string& container, const std::string& reason,
                                      const std::string& message);
/// QEMU runs: the pod of the guest's owner is Ready and carries the guest's address; a migration's target is not and
/// does not.
[[nodiscard]] json::Value pod_running(const PodPlace& place, WallTime now);
[[nodiscard]] json::Value pod_ready(const PodPlace& place, const std::string& guest_address, WallTime now);
/// The QEMU of `pod` has ended. `succeeded`: the guest shut down or moved away.
[[nodiscard]] json::Value pod_ended(const json::Value& pod, bool succeeded, int exit_code, std::string_view reason,
                                    std::string_view message, WallTime now);

/// Phases "Succeeded" and "Failed".
[[nodiscard]] bool pod_is_terminal(const json::Value& pod);
/// The VMIM whose target this pod is, or "".
[[nodiscard]] std::string migration_uid_of(const json::Value& pod);
/// The VMI that controls this launcher pod, by uid, or "".
[[nodiscard]] std::string vmi_uid_of(const json::Value& pod);
[[nodiscard]] std::string vmi_name_of(const json::Value& pod);

}  // namespace godwit::node
