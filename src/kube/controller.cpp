#include "kube/controller.hpp"

#include <exception>

namespace godwit::kube {

Controller::Controller(std::string name, Reconcile reconcile, int workers)
    : log_{std::move(name)}, reconcile_{std::move(reconcile)}, worker_count_{workers} {}

Controller::~Controller() { stop(); }

void Controller::stop() {
  for (auto& worker : workers_) worker.request_stop();
  workers_.clear();
}

void Controller::start() {
  for (int i = 0; i < worker_count_; ++i) {
    workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

void Controller::work(const std::stop_token& stop) {
  while (const auto key = queue_.get(stop)) {
    Result<Again> outcome = fail(Code::internal, "");
    try {
      outcome = reconcile_(*key, stop);
    } catch (const std::exception& broken) {
      outcome = fail(Code::internal, std::string{"broken invariant: "} + broken.what());
    }
    if (outcome) {
      queue_.forget(*key);
      if (outcome->after) queue_.add_after(*key, *outcome->after);
    } else if (!stop.stop_requested()) {
      const auto& error = outcome.error();
      if (error.code != Code::conflict && error.code != Code::cancelled) {
        log_.warning("{}: {}: {}", key->text(), reason_of(error.code), error.message);
      }
      queue_.add_rate_limited(*key);
    }
    queue_.done(*key);
  }
}

}  // namespace godwit::kube
