#include "migrate/driver_support.hpp"

#include <fmt/format.h>

#include "base/process.hpp"
#include "rules/guest_control.hpp"

namespace godwit::migrate {

void Inbox::push(Message message) {
  {
    const std::scoped_lock lock{mutex_};
    messages_.push_back(std::move(message));
  }
  wake_.notify_one();
}

std::optional<Message> Inbox::pop(const std::stop_token& stop, Deadline deadline) {
  std::unique_lock lock{mutex_};
  const auto some = [this] { return !messages_.empty(); };
  if (deadline.at() == Instant::max()) {
    if (!wake_.wait(lock, stop, some)) return std::nullopt;
  } else if (!wake_.wait_until(lock, stop, deadline.at(), some)) {
    return std::nullopt;
  }
  auto out = std::move(messages_.front());
  messages_.pop_front();
  return out;
}

Result<> TunnelHandle::start(const std::filesystem::path& program, const TunnelSpec& spec,
                             const std::filesystem::path& log) {
  ProcessSpec process;
  process.argv = tunnel_arguments(spec);
  process.argv.insert(process.argv.begin(), program.string());
  process.stdout_file = log;
  process.own_session = true;
  std::error_code ignored;
  std::filesystem::remove(spec.control, ignored);
  auto child = Process::spawn(process);
  if (!child) return fail(child.error().within("tunnel"));
  child->detach();
  return attach(spec.control);
}

Result<> TunnelHandle::attach(const std::filesystem::path& control) {
  control_ = control;
  auto client = TunnelClient::connect(control, Deadline::after(quick));
  if (!client) return fail(client.error().within("tunnel"));
  listener_ = std::jthread{[this, c = std::make_shared<TunnelClient>(std::move(*client))](const std::stop_token& stop) {
    listen(stop, std::move(*c));
  }};
  return {};
}

void TunnelHandle::abort() {
  if (control_.empty()) return;
  if (auto client = TunnelClient::connect(control_, Deadline::after(std::chrono::milliseconds{20})))
    (void)client->send(json::Object{{"cmd", "abort"}});
}

void TunnelHandle::listen(const std::stop_token& stop, TunnelClient client) {
  while (!stop.stop_requested()) {
    auto event = client.next(Deadline::after(std::chrono::milliseconds{200}));
    if (!event && event.error().code == Code::timeout) continue;
    Message message{.kind = Message::Kind::tunnel};
    message.name = event ? json::string_at(*event, "/event") : "gone";
    if (event) message.data = std::move(*event);
    inbox_->push(std::move(message));
    if (!event) return;
  }
}

Event event_of(Event::Kind kind, const json::Value& vmi, const std::string& uid) {
  Event out{.kind = kind};
  const auto ownership = rules::read_ownership(vmi);
  if (!ownership || (!uid.empty() && ownership->uid != uid)) {
    out.kind = Event::Kind::gone;
    return out;
  }
  out.ownership = *ownership;
  out.deleted = json::find(vmi, "/metadata/deletionTimestamp") != nullptr;
  out.paused = rules::wants_pause(vmi);
  return out;
}

Event write_change(OwnershipPort& port, const Ownership& known, const Change& change, const json::Array& extra) {
  Event out{.kind = Event::Kind::wrote, .write = Write::refused};
  const auto patch = rules::guarded_patch(known, change, extra);
  if (!patch) {
    out.reason = patch.error().message;
    return out;
  }
  out = perform_write(port, known, *patch);
  if (out.write == Write::applied && !out.ownership) out.ownership = *rules::apply(known, change);
  return out;
}

Event perform_write(OwnershipPort& port, const Ownership& known, const json::Value& patch) {
  Event out{.kind = Event::Kind::wrote, .write = Write::refused};
  const auto reply = port.write(patch, Deadline::after(quick));
  out.write = reply.outcome;
  out.reason = reply.message;
  if (reply.outcome != Write::applied) return out;
  const auto now = event_of(Event::Kind::wrote, reply.vmi, known.uid);
  out.ownership = now.ownership;
  out.deleted = now.deleted;
  out.paused = now.paused;
  return out;
}

Event read_ownership_event(OwnershipPort& port, const std::string& uid) {
  const auto vmi = port.read(Deadline::after(quick));
  if (vmi) return event_of(Event::Kind::read, *vmi, uid);
  return Event{.kind = vmi.error().code == Code::not_found ? Event::Kind::gone : Event::Kind::read_failed,
               .reason = vmi.error().message};
}

std::string run_state(QemuPort& qemu) {
  const auto status = qemu.execute("query-status", json::Object{}, Deadline::after(quick));
  return status ? json::string_at(*status, "/status") : std::string{};
}

Event ask_qemu(QemuPort& qemu, qemu::Migration& migration, Side side) {
  const auto info = migration.query(Deadline::after(quick));
  if (!info) {
    if (!qemu.alive()) return Event{.kind = Event::Kind::qemu_dead, .qemu = MigrationStatus::unknown};
    // Its monitor hangs: nothing is known, so nothing is concluded.
    return Event{.kind = Event::Kind::qemu, .qemu = MigrationStatus::cancelling, .reason = info.error().message};
  }
  const auto state = run_state(qemu);
  Event out{.kind = Event::Kind::qemu, .qemu = info->status, .running = state == "running", .reason = info->error_desc};
  const bool sent_away = state == "postmigrate" || state == "finish-migrate";
  if (side == Side::source && out.qemu == MigrationStatus::completed && !sent_away) out.qemu = MigrationStatus::none;
  return out;
}

qemu::Migration migration_of(const std::shared_ptr<QemuPort>& port) {
  return qemu::Migration{[port](const std::string& command, const json::Value& arguments, Deadline d) {
                           return port->execute(command, arguments, d);
                         },
                         [port](const std::string& command, const json::Value& arguments, Deadline d) {
                           return port->execute_oob(command, arguments, d);
                         }};
}

namespace {

/// Run states that a guest brings along: no word of ours has stopped it.
bool stood_by_itself(std::string_view state) {
  return state == "io-error" || state == "shutdown" || state == "guest-panicked" || state == "internal-error" ||
         state == "watchdog";
}

}  // namespace

Event send_cont(QemuPort& qemu, ContRequest request) {
  request.run_state = run_state(qemu);
  Event out{.kind = Event::Kind::cont_failed};
  if (request.run_state == "running") {
    out.kind = Event::Kind::continued;  // an earlier `cont` of ours whose answer was lost
    return out;
  }
  if (request.reason == ContReason::target && stood_by_itself(request.run_state)) {
    out.kind = Event::Kind::continued;  // it goes on as it was at the source; the agent sees to it
    return out;
  }
  if (const auto allowed = authorize_cont(request); !allowed) {
    out.reason = allowed.error().message;
    return out;
  }
  const auto done = qemu.execute("cont", json::Object{}, Deadline::after(quick));
  if (done)
    out.kind = Event::Kind::continued;
  else
    out.reason = done.error().message;
  return out;
}

}  // namespace godwit::migrate
