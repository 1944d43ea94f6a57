// A node's sign of life: its Lease in kube-node-lease, renewed in the background.
#pragma once

#include <memory>
#include <string>

#include "kube/client.hpp"

namespace godwit::kube {

struct LeaseOptions {
  std::string ns = "kube-node-lease";
  std::string name;                             ///< the node's name; also written as the holder
  std::string owner_uid;                        ///< uid of the Node, "" for no owner reference
  Duration interval = std::chrono::seconds{2};  ///< between renewals
  std::chrono::seconds duration{10};            ///< written as leaseDurationSeconds
};

/// Creates the Lease when it is missing and renews it from construction to destruction (which takes at most an
/// interval). Failures are logged once per outage and retried at the next interval.
class LeaseRenewal {
 public:
  LeaseRenewal(const Client& client, LeaseOptions options);
  ~LeaseRenewal();
  LeaseRenewal(const LeaseRenewal&) = delete;
  LeaseRenewal& operator=(const LeaseRenewal&) = delete;
  /// When the API server last confirmed a renewal; Instant::min() before the first.
  [[nodiscard]] Instant last_renewed() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace godwit::kube
