// Removes what lost its owner, and the content of namespaces that are being deleted.
#pragma once

#include <thread>

#include "apiserver/objects.hpp"
#include "base/log.hpp"

namespace godwit::apiserver {

/// Runs a thread from construction to destruction.
class GarbageCollector {
 public:
  explicit GarbageCollector(Objects& objects);

 private:
  void run(const std::stop_token& stop);
  void sweep_all();
  void on_removed(const std::string& uid);
  void check_owners(const json::Value& object, const Kind& kind);
  void empty_namespace(const std::string& name);
  void remove(const Kind& kind, const json::Value& object);
  [[nodiscard]] bool has_living_owner(const json::Value& object) const;
  [[nodiscard]] const Kind* kind_of_key(const std::string& key) const;

  Objects& objects_;
  User user_{.name = "system:serviceaccount:kube-system:generic-garbage-collector", .groups = {"system:masters"}};
  Log log_{"gc"};
  std::jthread thread_;
};

}  // namespace godwit::apiserver
