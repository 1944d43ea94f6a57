// Stand-ins for the agent around two drivers: one VMI in memory, QEMU machines, a network that counts, a marker.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>

#include "json/patch.hpp"
#include "migrate/ports.hpp"
#include "qemu/machine.hpp"
#include "rules/ownership.hpp"

namespace godwit::migrate {

/// The API server with one VMI. Writes pass admission; faults on demand.
class FakeApi {
 public:
  enum class Fault : std::uint8_t { none, lose_answer, lose_request, refuse };

  FakeApi() {
    json::set(vmi_, "/metadata/uid", "u");
    json::set(vmi_, "/status", rules::initial_status());
    json::set(vmi_, "/status/nodeName", "s");
    json::set(vmi_, "/status/handover/epoch", 1);
    json::set(vmi_, "/status/handover/startedEpoch", 1);
    json::set(vmi_, "/status/migrationState/migrationUid", "m1");
    json::set(vmi_, "/status/migrationState/sourceNode", "s");
    json::set(vmi_, "/status/migrationState/targetNode", "t");
  }
  void watch(std::function<void(const json::Value&)> watcher) {
    const std::scoped_lock lock{mutex_};
    watchers_.push_back(std::move(watcher));
  }
  void unwatch() {
    const std::scoped_lock lock{mutex_};
    watchers_.clear();
  }
  [[nodiscard]] json::Value read() const {
    const std::scoped_lock lock{mutex_};
    return vmi_;
  }
  [[nodiscard]] rules::Ownership ownership() const { return *rules::read_ownership(read()); }
  /// The n-th write from now that makes this transition meets the fault.
  void inject(Fault fault, const std::string& field_value, int times = 1) {
    const std::scoped_lock lock{mutex_};
    fault_ = fault;
    fault_owner_ = field_value;
    faults_ = times;
  }
  void set(const std::string& pointer, json::Value value) {
    const std::scoped_lock lock{mutex_};
    json::set(vmi_, pointer, std::move(value));
    tell();
  }

  WriteReply write(const json::Value& patch, const std::string& user) {
    const std::scoped_lock lock{mutex_};
    auto after = json::json_patch(vmi_, patch);
    if (!after) return {Write::refused, {}, after.error().message};
    const bool hit = faults_ > 0 && json::string_at(*after, "/status/nodeName") == fault_owner_;
    if (hit) --faults_;
    if (hit && fault_ == Fault::refuse) return {Write::refused, {}, "refused on demand"};
    if (hit && fault_ == Fault::lose_request) return {Write::unknown, {}, "lost on demand"};
    if (auto ok = rules::check_ownership_change(vmi_, *after, user); !ok) {
      ADD_FAILURE() << ok.error().message;
      return {Write::refused, {}, ok.error().message};
    }
    vmi_ = *after;
    tell();
    if (hit && fault_ == Fault::lose_answer) return {Write::unknown, {}, "lost on demand"};
    return {Write::applied, vmi_, {}};
  }

 private:
  void tell() {
    for (const auto& watcher : watchers_) watcher(vmi_);
  }
  mutable std::mutex mutex_;
  json::Value vmi_ = json::Object{};
  std::vector<std::function<void(const json::Value&)>> watchers_;
  Fault fault_ = Fault::none;
  std::string fault_owner_;
  int faults_ = 0;
};

class FakeOwnership final : public OwnershipPort {
 public:
  FakeOwnership(FakeApi& api, std::string node) : api_{api}, user_{"system:node:" + node} {}
  Result<json::Value> read(Deadline) override {
    if (down) return fail(Code::unavailable, "down on demand");
    last_ = std::chrono::steady_clock::now();
    return api_.read();
  }
  WriteReply write(const json::Value& patch, Deadline) override {
    if (down) return {Write::refused, {}, "down on demand"};
    return api_.write(patch, user_);
  }
  Instant last_answer() override { return down ? last_.load() : std::chrono::steady_clock::now(); }
  std::atomic<bool> down{false};

 private:
  FakeApi& api_;
  std::string user_;
  std::atomic<Instant> last_{std::chrono::steady_clock::now()};
};

class MachinePort final : public QemuPort {
 public:
  Result<json::Value> execute(const std::string& command, const json::Value& arguments, Deadline d) override {
    if (hook) hook(command);
    return machine->execute(command, arguments, d);
  }
  Result<json::Value> execute_oob(const std::string& command, const json::Value& arguments, Deadline d) override {
    return machine->execute_oob(command, arguments, d);
  }
  bool alive() override { return machine->alive(); }
  Result<> kill(Deadline d) override { return machine->kill(d); }
  std::shared_ptr<qemu::Machine> machine;
  std::function<void(const std::string&)> hook;  ///< before each in-band command
};

class FakeNetwork final : public NetworkPort {
 public:
  explicit FakeNetwork(bool attached) : attached{attached} {}
  Result<> attach() override {
    attached = true;
    return {};
  }
  Result<> detach() override {
    attached = false;
    return {};
  }
  Result<> announce() override {
    ++announced;
    return {};
  }
  std::atomic<bool> attached;
  std::atomic<int> announced{0};
};

class FakeMarker final : public Marker {
 public:
  Result<> prepare(const std::string& /*migration_uid*/) override { return {}; }
  Result<> write(const std::string& migration_uid) override {
    const std::scoped_lock lock{mutex_};
    written_ = migration_uid;
    return {};
  }
  bool present(const std::string& migration_uid) override {
    const std::scoped_lock lock{mutex_};
    return written_ == migration_uid;
  }

 private:
  std::mutex mutex_;
  std::string written_;
};

class CountingSink final : public ProgressSink {
 public:
  void progress(const Progress& progress) override {
    ++reports;
    total = progress.total_bytes;
  }
  std::atomic<int> reports{0};
  std::atomic<std::int64_t> total{0};
};

}  // namespace godwit::migrate
