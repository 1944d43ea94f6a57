// What an agent keeps on disk of each QEMU it started, so that the next agent can adopt it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "hostnet/vm_port.hpp"
#include "json/value.hpp"
#include "kube/client.hpp"
#include "node/guest_decision.hpp"

namespace godwit::node {

struct InstanceRecord {
  kube::Key vmi;
  std::string vmi_uid;
  kube::Key pod;
  std::string pod_uid;
  Role role = Role::owner;
  std::string migration_uid;       ///< incoming: of the attempt; owner: of the attempt that it is sending, "" for none
  std::string last_migration_uid;  ///< the last attempt that ended here as source
  std::string peer;                ///< of migration_uid: the other node
  std::vector<hostnet::PortSpec> ports;
  std::vector<std::string> interface_names;  ///< of the VMI, one for each port
  std::string machine_type;
  std::string cpu = {};  ///< QEMU's -cpu
  bool reboots = false;  ///< the guest was asked to reboot by switching itself off

  bool operator==(const InstanceRecord&) const = default;
};

[[nodiscard]] json::Value to_json(const InstanceRecord& record);
[[nodiscard]] Result<InstanceRecord> instance_record_of(const json::Value& value);

/// Directories below the agent's data directory.
struct InstancePaths {
  std::filesystem::path data;
  [[nodiscard]] std::filesystem::path records() const { return data / "instances"; }
  /// A file that says where the guests' cgroups are; `godwit local down` reads it too.
  [[nodiscard]] std::filesystem::path cgroups() const { return data / "cgroups"; }
  [[nodiscard]] std::filesystem::path record_directory(const std::string& pod_uid) const { return records() / pod_uid; }
  /// The run-state records of QEMUs that have ended: VMI-PODUID.log.
  [[nodiscard]] std::filesystem::path ended() const { return data / "ended"; }
  [[nodiscard]] std::filesystem::path machine(const std::string& pod_uid) const { return data / "vms" / pod_uid; }
  [[nodiscard]] std::filesystem::path logs() const { return data / "logs"; }
  /// Disks of guests that no other host can reach: below it as in storage::instance_directory.
  [[nodiscard]] std::filesystem::path local_volumes() const { return data / "local"; }
  /// Where its QEMU finds the sockets of its migrations. Short: unix sockets' paths are.
  [[nodiscard]] std::filesystem::path streams(const std::string& pod_uid) const {
    return data / "mig" / pod_uid.substr(0, 8);
  }
  [[nodiscard]] std::filesystem::path migration(const InstanceRecord& record) const {
    return streams(record.pod_uid) / record.migration_uid.substr(0, 8);
  }
};

[[nodiscard]] Result<> save(const InstancePaths& paths, const InstanceRecord& record);
/// Takes the traces away. QEMU's record of when the guest ran is kept among those of the newest QEMUs that have ended.
void forget(const InstancePaths& paths, const InstanceRecord& record);
[[nodiscard]] std::vector<InstanceRecord> load_records(const InstancePaths& paths);

}  // namespace godwit::node
