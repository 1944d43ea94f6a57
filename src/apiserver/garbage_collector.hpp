// Removes what lost its owner, and the content of namespaces that are being deleted; lets owners go that wait for their
// dependents.
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
  void remove(const Kind& kind, const json::Value& object, const std::string& policy = {});
  [[nodiscard]] bool has_living_owner(const json::Value& object) const;
  [[nodiscard]] const Kind* kind_of_key(const std::string& key) const;

  // dependents.cpp
  using Visit = std::function<void(const Kind&, const json::Value& dependent, const json::Value& reference)>;
  void each_dependent(const std::string& uid, const Visit& visit) const;
  void serve_policy(const Kind& kind, const json::Value& owner);
  void serve_owners(const json::Value& gone);
  void let_go(const Kind& kind, const json::Value& owner, std::string_view finalizer);
  [[nodiscard]] bool edit(const Kind& kind, const json::Value& object, const Objects::Change& change);

  Objects& objects_;
  User user_{.name = "system:serviceaccount:kube-system:generic-garbage-collector", .groups = {"system:masters"}};
  Log log_{"gc"};
  std::jthread thread_;
};

}  // namespace godwit::apiserver
