// All guests of this host: watches pods and VMIs, and does for each what guest_decision says.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "kube/client.hpp"
#include "kube/controller.hpp"
#include "kube/events.hpp"
#include "kube/informer.hpp"
#include "migrate/source_driver.hpp"
#include "node/config.hpp"
#include "node/guest.hpp"
#include "node/guest_decision.hpp"
#include "node/guest_plan.hpp"
#include "node/pod_log.hpp"
#include "node/stream_server.hpp"
#include "node/troubles.hpp"
#include "node/volume_sources.hpp"

namespace godwit::node {

struct GuestsOptions {
  AgentConfig config;
  PodNetwork network;
  HostCpu host;
  migrate::Credentials credentials;  ///< of this node, for the tunnels
  std::filesystem::path program;     ///< this binary
};

class Guests {
 public:
  Guests(const kube::Client& client, kube::EventRecorder& events, GuestsOptions options);
  ~Guests();  ///< the guests' QEMU processes live on
  Guests(const Guests&) = delete;
  Guests& operator=(const Guests&) = delete;

  /// Takes over what an earlier agent left, then begins to work.
  void start();
  /// Where the VMI's streams listen, if its guest runs here.
  [[nodiscard]] std::optional<GuestSockets> sockets_of(const kube::Key& vmi) const;
  /// What the agent inside the guest says: "guestosinfo", "userlist" or "filesystemlist", as KubeVirt shows it.
  [[nodiscard]] Result<json::Value> ask_agent(const kube::Key& vmi, const std::string& what) const;
  /// Logs of the launcher pods that run or ran here.
  [[nodiscard]] const PodLogs& logs() const { return logs_; }
  [[nodiscard]] bool runs_pod(const std::string& pod_uid) const;

 private:
  using GuestPtr = std::shared_ptr<Guest>;

  // guests.cpp
  [[nodiscard]] Result<kube::Again> reconcile(const kube::Key& key, const std::stop_token& stop);
  [[nodiscard]] GuestView view_of(const kube::Key& key, std::optional<json::Value> vmi, const GuestPtr& guest) const;
  [[nodiscard]] Result<std::optional<json::Value>> read_vmi(const kube::Key& key) const;
  [[nodiscard]] Result<kube::Again> perform(const Action& wanted, const GuestView& view, const GuestPtr& guest);
  [[nodiscard]] GuestPtr find(const kube::Key& key) const;
  void keep(const GuestPtr& guest);
  void wake(const kube::Key& key) { controller_.queue().add(key); }
  /// Into the agent's log and that of the pod.
  void tell(const InstanceRecord& record, std::string_view text) const;

  // guest_start.cpp
  [[nodiscard]] Result<bool> still_wanted(const json::Value& pod) const;
  void adopt(InstanceRecord record);
  bool adopt_machine(const GuestPtr& guest);
  [[nodiscard]] Result<kube::Again> claim_and_start(const json::Value& vmi, const json::Value& pod);
  [[nodiscard]] Result<json::Value> claim(const json::Value& vmi, const VolumeSources& volumes);
  [[nodiscard]] Result<> start_owner(const json::Value& vmi, const json::Value& pod);
  [[nodiscard]] Result<GuestPtr> launch(const json::Value& vmi, const json::Value& pod, Role role);
  [[nodiscard]] Result<> finish_start(Guest& guest);
  [[nodiscard]] Result<> first_cont(Guest& guest, const json::Value& vmi);
  [[nodiscard]] Result<> report_running(const json::Value& vmi, Guest& guest);
  [[nodiscard]] qemu::MachineHandlers handlers_of(const std::weak_ptr<Guest>& guest);
  void serve_dhcp(Guest& guest);

  // guest_volumes.cpp
  [[nodiscard]] Result<kube::Again> report_missing_volume(const json::Value& vmi, const json::Value& pod,
                                                          const Error& error);
  [[nodiscard]] Result<VolumePaths> volume_files(const json::Value& vmi, Role role) const;
  void remove_shared_volumes(const json::Value& vmi);
  void remove_stale_volumes();

  // guest_migration.cpp
  [[nodiscard]] Result<> start_incoming(const json::Value& vmi, const json::Value& pod);
  [[nodiscard]] Result<> start_source(const json::Value& vmi, const std::string& migration_uid, const GuestPtr& guest,
                                      bool adopted);
  void start_target_driver(const json::Value& vmi, const GuestPtr& guest, bool adopted);
  void start_source_driver(const json::Value& vmi, const GuestPtr& guest, bool adopted);
  [[nodiscard]] Result<> report_waiting(const GuestPtr& guest) const;
  [[nodiscard]] Result<> publish_address(const json::Value& vmi, const GuestPtr& guest);
  [[nodiscard]] Result<bool> settle_drivers(const std::optional<json::Value>& vmi, const GuestPtr& guest);
  [[nodiscard]] Result<> settle_source(const GuestPtr& guest, const migrate::SourceOutcome& outcome);
  void end_attempt(Guest& guest) const;
  [[nodiscard]] Result<> settle_target(const GuestPtr& guest, const migrate::TargetOutcome& outcome);

  // guest_power.cpp
  [[nodiscard]] Result<> settle_run(const json::Value& vmi, Guest& guest);
  [[nodiscard]] Result<> obey(const json::Value& vmi, Guest& guest, const RunView& view, RunStep& step);
  [[nodiscard]] Result<bool> continue_for_user(Guest& guest, const RunView& view);
  [[nodiscard]] Result<> soft_reboot(Guest& guest, bool has_agent);
  [[nodiscard]] Result<> start_over(Guest& guest);
  [[nodiscard]] Result<> end_qemu(Guest& guest);

  // guest_talk.cpp
  [[nodiscard]] Result<kube::Again> settle_agent(Guest& guest);

  // guest_end.cpp
  [[nodiscard]] Result<kube::Again> shut_down(const GuestView& view, Guest& guest, const std::string& reason);
  [[nodiscard]] Result<> report_end(const json::Value& vmi, const GuestPtr& guest);
  void discard(const GuestPtr& guest, bool succeeded, const std::string& reason);
  [[nodiscard]] Result<> finish_pod(const kube::Key& pod, const std::string& pod_uid, bool succeeded,
                                    const std::string& reason);
  [[nodiscard]] Result<> remove_pod(const json::Value& pod);
  [[nodiscard]] Result<> release(const json::Value& vmi, bool succeeded, const std::string& reason);

  const kube::Client& client_;
  kube::EventRecorder& events_;
  GuestsOptions options_;
  InstancePaths paths_;
  confine::Cgroups cgroups_;
  PodLogs logs_;
  Log log_{"guests"};
  Troubles troubles_;

  mutable std::mutex mutex_;
  std::map<kube::Key, GuestPtr> guests_;

  kube::Controller controller_;
  std::unique_ptr<kube::Informer> pods_;
  std::unique_ptr<kube::Informer> vmis_;
};

}  // namespace godwit::node
