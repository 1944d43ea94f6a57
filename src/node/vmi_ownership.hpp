// One VMI in the API, as the migration drivers need it: read for certain, written under guard.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "kube/client.hpp"
#include "migrate/ports.hpp"

namespace godwit::node {

/// Asks the API twice a second while it lives, so that last_answer() tells whether the API can be reached now.
class VmiOwnership final : public migrate::OwnershipPort {
 public:
  VmiOwnership(const kube::Client& client, kube::Key key, std::string uid);

  /// Code::not_found also when another VMI has taken the name.
  [[nodiscard]] Result<json::Value> read(Deadline deadline) override;
  [[nodiscard]] migrate::WriteReply write(const json::Value& json_patch, Deadline deadline) override;
  [[nodiscard]] Instant last_answer() override { return last_answer_.load(); }

 private:
  const kube::Client& client_;
  kube::Key key_;
  std::string uid_;
  std::atomic<Instant> last_answer_;
  std::jthread pulse_;
};

}  // namespace godwit::node
