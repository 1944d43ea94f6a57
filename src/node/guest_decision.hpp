// What the agent does next for one VMI on its host: a pure function of what the API says and what runs here.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "json/value.hpp"
#include "rules/ownership.hpp"

namespace godwit::node {

enum class Role : unsigned char {
  owner,     ///< this QEMU runs the guest, or did until it ended
  incoming,  ///< this QEMU waits for a migration's stream
};

/// The one QEMU of a VMI on this host.
struct InstanceView {
  Role role = Role::owner;
  std::string pod_uid;
  std::string migration_uid = {};       ///< of an incoming one
  bool ended = false;                   ///< the process is dead
  bool guest_ended = false;             ///< the guest has switched itself off or panicked; its QEMU waits
  bool reboots = false;                 ///< when it switches itself off it is to start over
  bool driver_active = false;           ///< a migration driver is at work: it has the say over this QEMU
  bool stopping = false;                ///< a shutdown was begun
  std::string last_migration_uid = {};  ///< the attempt that last ended here as source: never run twice
};

struct GuestView {
  std::string self;                ///< this node
  std::optional<json::Value> vmi;  ///< as the API says now; none: gone
  std::vector<json::Value> pods;   ///< launcher pods of this VMI bound to this node
  std::optional<InstanceView> instance;
};

namespace action {
struct None {};
struct ClaimAndStart {
  json::Value pod;
};  ///< win owner "" → self (or self anew: nothing runs here), then start QEMU
struct StartIncoming {
  json::Value pod;
};
struct StartSource {
  std::string migration_uid;
};
struct CancelSource {
  std::string reason;
};
struct AbandonIncoming {
  std::string reason;
};
struct Shutdown {
  std::string reason;
};  ///< ask the guest, later insist
struct StartOver {};  ///< the guest has switched itself off to reboot: reset and go on
struct EndQemu {};    ///< the guest has ended: so does its QEMU
struct Discard {
  std::string reason;
};  ///< kill a QEMU that must not run, take its traces away
struct ReportEnd {};  ///< the owner's QEMU ended: phase, release, pod
struct RemovePod {
  json::Value pod;
};  ///< terminating, nothing runs for it
struct ReleaseOrphan {};  ///< owner by the API, but nothing runs here and no pod asks for it
}  // namespace action

using Action =
    std::variant<action::None, action::ClaimAndStart, action::StartIncoming, action::StartSource, action::CancelSource,
                 action::AbandonIncoming, action::Shutdown, action::StartOver, action::EndQemu, action::Discard,
                 action::ReportEnd, action::RemovePod, action::ReleaseOrphan>;

[[nodiscard]] Action decide(const GuestView& view);

/// How long a guest that is asked to shut down may take: as its VMI says, or less when its pod is to be gone sooner.
[[nodiscard]] std::chrono::seconds grace_of(const GuestView& view, const std::string& pod_uid);

}  // namespace godwit::node
