// PersistentVolumeClaims and PersistentVolumes: default class, provisioning node, binding, release.
#pragma once

#include "controllers/context.hpp"

namespace godwit::controllers {

/// Claims are bound to volumes that fit or, through the shared class, to one that a node's agent makes on request. The
/// data of a deleted claim are removed by an agent, once no pod uses the claim any more.
class Claims {
 public:
  explicit Claims(Context& context);
  void start();
  void stop();

 private:
  [[nodiscard]] Result<kube::Again> reconcile_claim(const kube::Key& key);
  [[nodiscard]] Result<kube::Again> reconcile_volume(const kube::Key& key);
  [[nodiscard]] Result<> bind(const json::Value& claim, const json::Value& volume);
  [[nodiscard]] Result<> provision(const json::Value& claim);
  [[nodiscard]] Result<> complete(const json::Value& claim);
  void retry_unbound_claims();
  [[nodiscard]] bool in_use(const kube::Key& claim) const;
  [[nodiscard]] std::string ready_node(const std::string& seed) const;
  Context& context_;
  kube::Controller claims_;
  kube::Controller volumes_;
};

}  // namespace godwit::controllers
