// What both drivers are made of: the inbox of their thread, the tunnel process, VMIs read as events. Private to the
// drivers.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "migrate/handover.hpp"
#include "migrate/ports.hpp"
#include "migrate/source_driver.hpp"
#include "migrate/tunnel.hpp"

namespace godwit::migrate {

struct Message {
  enum class Kind : std::uint8_t { machine, qemu, tunnel } kind = Kind::machine;
  Event event = {};       ///< machine
  std::string name = {};  ///< qemu: the QMP event; tunnel: its event
  json::Value data = {};
  Instant at = std::chrono::steady_clock::now();
};

/// The queue of a driver's thread.
class Inbox {
 public:
  void push(Message message);
  void push(Event event) { push(Message{.kind = Message::Kind::machine, .event = std::move(event)}); }
  /// Nothing at the deadline or when told to stop.
  [[nodiscard]] std::optional<Message> pop(const std::stop_token& stop, Deadline deadline);

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Message> messages_;
};

/// The tunnel process of an attempt, started or found again. Destruction leaves it running.
class TunnelHandle {
 public:
  explicit TunnelHandle(std::shared_ptr<Inbox> inbox) : inbox_{std::move(inbox)} {}
  Result<> start(const std::filesystem::path& program, const TunnelSpec& spec, const std::filesystem::path& log);
  /// After a restart of the agent. Code::unavailable or not_found when it has ended.
  Result<> attach(const std::filesystem::path& control);
  void abort();
  /// Its events arrive in the inbox; its end as "gone".
 private:
  void listen(const std::stop_token& stop, TunnelClient client);
  std::shared_ptr<Inbox> inbox_;
  std::filesystem::path control_;
  std::jthread listener_;
};

/// The VMI as an event of that kind; `gone` when it isn't this VMI any more or has no ownership.
[[nodiscard]] Event event_of(Event::Kind kind, const json::Value& vmi, const std::string& uid);
/// Performs a guarded write.
[[nodiscard]] Event write_change(OwnershipPort& port, const Ownership& known, const Change& change,
                                 const json::Array& extra);
/// A patch that has been built on `known`.
[[nodiscard]] Event perform_write(OwnershipPort& port, const Ownership& known, const json::Value& patch);
[[nodiscard]] Event read_ownership_event(OwnershipPort& port, const std::string& uid);
enum class Side : std::uint8_t { source, target };
/// Asks query-migrate and query-status; qemu_dead when the process is gone. A source's `completed` counts only in the
/// run state that it brings: a QEMU that was once a target still says `completed` of that.
[[nodiscard]] Event ask_qemu(QemuPort& qemu, qemu::Migration& migration, Side side);
[[nodiscard]] std::string run_state(QemuPort& qemu);
[[nodiscard]] qemu::Migration migration_of(const std::shared_ptr<QemuPort>& qemu);
/// Through authorize_cont; the one place that sends `cont` for a migration.
[[nodiscard]] Event send_cont(QemuPort& qemu, ContRequest request);

constexpr auto quick = std::chrono::seconds{5};  ///< for a QMP command or an API request

}  // namespace godwit::migrate
