// VirtualMachineInstanceMigration: target pod, hand-off, outcome. What to do is decided by rules/migration_phase.hpp.
#pragma once

#include <mutex>
#include <set>

#include "controllers/context.hpp"
#include "rules/migration_phase.hpp"

namespace godwit::controllers {

class MigrationController {
 public:
  explicit MigrationController(Context& context);
  void start() { controller_.start(); }
  void stop() { controller_.stop(); }

 private:
  /// What one reconcile knows; grows more certain as it reads and writes.
  struct Scene {
    kube::ObjectPtr vmim, vmi, pod;
    bool certain = false;
  };
  [[nodiscard]] Result<kube::Again> reconcile(const kube::Key& key);
  [[nodiscard]] Result<> look(Scene& scene, const kube::Key& key) const;
  [[nodiscard]] Result<> apply(Scene& scene, const rules::MigrationStep& step);
  [[nodiscard]] Result<> create_target(Scene& scene);
  [[nodiscard]] Result<> hand_off(Scene& scene);
  [[nodiscard]] Result<> write_abort(Scene& scene, const rules::MigrationStep& step);
  [[nodiscard]] Result<> write_status(Scene& scene, const rules::MigrationStep& step);
  [[nodiscard]] bool take_slot(const Scene& scene);
  void give_slot(const json::Value& vmim);
  void wake_waiting();
  [[nodiscard]] Result<> collect(const json::Value& vmim);
  [[nodiscard]] kube::ObjectPtr kubevirt() const;
  Context& context_;
  std::mutex mutex_;
  std::map<std::string, std::string> starting_;  ///< VMIM uid → source node: granted, perhaps not in the cache yet
  std::set<kube::Key> waiting_;                  ///< for a slot
  kube::Controller controller_;
};

}  // namespace godwit::controllers
