// One VMI's QEMU on this host, with everything that belongs to it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "confine/cgroups.hpp"
#include "hostnet/dhcp_server.hpp"
#include "hostnet/vm_port.hpp"
#include "migrate/source_driver.hpp"
#include "migrate/target_driver.hpp"
#include "node/guest_run.hpp"
#include "node/instance_record.hpp"
#include "node/progress_reporter.hpp"
#include "qemu/machine.hpp"

namespace godwit::node {

/// Reconciled by one thread at a time; `mutex` guards what QEMU's and the drivers' threads touch.
struct Guest {
  InstanceRecord record;
  std::vector<std::unique_ptr<hostnet::VmPort>> ports;
  std::vector<std::unique_ptr<hostnet::DhcpServer>> dhcp;
  std::shared_ptr<qemu::Machine> machine;
  confine::Cgroup cgroup;                   ///< stays when this object goes, as QEMU does
  std::optional<Instant> agent_heard = {};  ///< when the guest's agent was last asked
  bool starting = false;  ///< the owner's QEMU may not run yet, or the API may not have been told that it does
  bool adopting = false;  ///< its QEMU lives, but has not answered this agent yet: nothing is concluded from that
  std::optional<Instant> stopping_since = {};  ///< when the guest was asked to shut down
  std::shared_ptr<ProgressReporter> progress;
  kube::Key migration;  ///< of the attempt under way, as source

  std::mutex mutex;
  std::unique_ptr<migrate::SourceDriver> source;
  std::unique_ptr<migrate::TargetDriver> target;
  std::optional<migrate::SourceOutcome> source_end;  ///< the driver is done; not yet acted upon
  std::optional<migrate::TargetOutcome> target_end;
  int listen_port = 0;  ///< incoming: where the tunnel listens
  bool ended = false;
  GuestEnd end = GuestEnd::none;  ///< how the guest itself came to an end
  bool run_state_changed = true;  ///< QEMU's run state is to be looked at
  bool agent_changed = true;      ///< the guest's end of its agent's channel may have opened or closed
  std::string last_words;
};

/// The guest's ports as the drivers see them: all of them together.
class GuestNetwork final : public migrate::NetworkPort {
 public:
  explicit GuestNetwork(std::shared_ptr<Guest> guest) : guest_{std::move(guest)} {}
  Result<> attach() override;
  Result<> detach() override;
  Result<> announce() override;

 private:
  std::shared_ptr<Guest> guest_;
};

/// The guest's QEMU as the drivers see it. Without a machine: one that had died before this agent came.
class GuestQemu final : public migrate::QemuPort {
 public:
  explicit GuestQemu(std::shared_ptr<qemu::Machine> machine) : machine_{std::move(machine)} {}
  Result<json::Value> execute(const std::string& command, const json::Value& arguments, Deadline deadline) override {
    if (!machine_) return fail(Code::unavailable, "QEMU has ended");
    return machine_->execute(command, arguments, deadline);
  }
  Result<json::Value> execute_oob(const std::string& command, const json::Value& arguments,
                                  Deadline deadline) override {
    if (!machine_) return fail(Code::unavailable, "QEMU has ended");
    return machine_->execute_oob(command, arguments, deadline);
  }
  bool alive() override { return machine_ && machine_->alive(); }
  Result<> kill(Deadline deadline) override { return machine_ ? machine_->kill(deadline) : Result<>{}; }

 private:
  std::shared_ptr<qemu::Machine> machine_;
};

}  // namespace godwit::node
