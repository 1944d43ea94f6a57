// A level-based reconcile loop: informers add keys, workers reconcile them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "kube/work_queue.hpp"

namespace godwit::kube {

/// What reconciling asks for: nothing, or another look after a while.
struct Again {
  std::optional<Duration> after = {};
};
/// An error is logged and retried with back-off (Code::conflict and Code::cancelled silently).
using Reconcile = std::function<Result<Again>(const Key&, const std::stop_token&)>;

class Controller {
 public:
  Controller(std::string name, Reconcile reconcile, int workers = 2);
  ~Controller();  ///< stops and joins the workers
  /// Starts the workers; call once the informers have synced.
  void start();
  /// Stops and joins the workers; keys may still be added, and are forgotten.
  void stop();
  [[nodiscard]] WorkQueue& queue() { return queue_; }

 private:
  void work(const std::stop_token& stop);
  Log log_;
  Reconcile reconcile_;
  int worker_count_;
  WorkQueue queue_;
  std::vector<std::jthread> workers_;
};

}  // namespace godwit::kube
