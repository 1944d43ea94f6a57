// Makes and removes the volumes of claims that were given to this host.
#pragma once

#include <memory>
#include <string>

#include "kube/client.hpp"
#include "kube/controller.hpp"
#include "kube/events.hpp"
#include "kube/informer.hpp"
#include "node/troubles.hpp"

namespace godwit::node {

/// A claim is this host's when its annotation volume.kubernetes.io/selected-node says so. Its volume is a directory
/// below the storage class's parameters.path, which all hosts share.
class VolumeProvisioner {
 public:
  VolumeProvisioner(const kube::Client& client, kube::EventRecorder& events, std::string node_name);
  VolumeProvisioner(const VolumeProvisioner&) = delete;
  VolumeProvisioner& operator=(const VolumeProvisioner&) = delete;

 private:
  [[nodiscard]] Result<kube::Again> provision(const kube::Key& claim_key);
  [[nodiscard]] Result<kube::Again> reclaim(const kube::Key& volume_key);

  const kube::Client& client_;
  kube::EventRecorder& events_;
  Troubles troubles_;
  std::string node_name_;
  Log log_{"volumes"};
  kube::Controller claims_;
  kube::Controller volumes_;
  std::unique_ptr<kube::Informer> claim_informer_;
  std::unique_ptr<kube::Informer> volume_informer_;
};

}  // namespace godwit::node
