// Keeps the host's Node object registered, labelled and Ready.
#pragma once

#include <memory>
#include <stop_token>

#include "base/log.hpp"
#include "kube/client.hpp"
#include "kube/informer.hpp"
#include "kube/work_queue.hpp"
#include "node/node_object.hpp"

namespace godwit::node {

class Registration {
 public:
  /// Registers at once (retrying until the API answers or a stop), then watches the own Node and repairs it.
  [[nodiscard]] static Result<std::unique_ptr<Registration>> start(const kube::Client& client, HostFacts host,
                                                                   const std::stop_token& stop);
  /// The Node's uid, for events and leases.
  [[nodiscard]] const json::Value& node() const { return node_; }

 private:
  Registration(const kube::Client& client, HostFacts host, json::Value node);
  void keep_ready(const std::stop_token& stop);

  const kube::Client& client_;
  HostFacts host_;
  json::Value node_;
  Log log_{"node"};
  kube::WorkQueue changed_;
  std::unique_ptr<kube::Informer> informer_;
  std::jthread repairer_;  // last: ends first
};

}  // namespace godwit::node
