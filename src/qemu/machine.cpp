#include "qemu/machine.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "qemu/death_watch.hpp"
#include "qemu/process_record.hpp"
#include "qemu/qmp_socket.hpp"
#include "qemu/reachable_paths.hpp"
#include "qemu/tpm.hpp"

namespace godwit::qemu {
namespace {

constexpr auto log_name = "qemu.log";
constexpr Duration last_events_time = std::chrono::seconds{1};

Result<> prepare_directory(const RunOptions& options) {
  if (auto found = find_process(options.directory); found) {
    return fail(Code::already_exists,
                fmt::format("QEMU {} already runs in {}", found->pid, options.directory.string()));
  }
  if (auto made = make_directory(options.directory, 0700); !made) return made;
  // QEMU makes files here but can't put others in the place of ours: they would be read and written with our rights.
  if (options.user && ::chown(options.directory.c_str(), ::geteuid(), options.user->second) != 0) {
    return fail_errno(options.directory.string());
  }
  if (::chmod(options.directory.c_str(), options.user ? 01770 : 0700) != 0)
    return fail_errno(options.directory.string());
  end_tpm(options.directory);
  std::error_code error;
  std::filesystem::rename(options.directory / log_name, options.directory / (std::string{log_name} + ".1"), error);
  const MachinePaths paths = MachinePaths::in(options.directory);
  for (const auto& socket : {paths.monitor, paths.oob_monitor, paths.console, paths.vnc, paths.agent}) {
    std::filesystem::remove(socket, error);
  }
  return {};
}

ProcessSpec process_spec(const MachineSpec& spec, const RunOptions& options, std::vector<std::string> argv) {
  ProcessSpec process;
  process.argv = std::move(argv);
  process.stdout_file = options.directory / log_name;
  process.user = options.user;
  process.own_session = true;
  if (!spec.clock.timezone.empty()) process.extra_environment["TZ"] = spec.clock.timezone;
  process.cgroups = options.cgroups;
  if (::geteuid() == 0) {
    process.confinement = Confinement{reachable_paths(spec, options.directory, options.program)};
    for (const auto& path : options.socket_directories) process.confinement->paths.push_back({path, true});
  }
  for (const Nic& nic : spec.nics) {
    for (const int fd : nic.tap_fds) process.inherited.emplace_back(fd, fd);
  }
  if (spec.kvm_fd >= 0) process.inherited.emplace_back(spec.kvm_fd, spec.kvm_fd);
  return process;
}

}  // namespace

struct Machine::State {
  pid_t pid = 0;
  std::filesystem::path directory;
  MachineHandlers handlers;

  std::mutex mutex;
  std::condition_variable changed;
  bool events_ended = true;          ///< the in-band monitor has told all, or was never there
  std::atomic<bool> silent = false;  ///< the caller gets an error instead of calls

  std::optional<TpmEmulator> tpm;  ///< of a QEMU that we started ourselves
  std::unique_ptr<QmpSession> oob;
  std::unique_ptr<QmpSession> monitor;
  std::unique_ptr<DeathWatch> watch;  ///< last: ends first

  /// The exit is told after the last event.
  void await_last_events() {
    std::unique_lock lock{mutex};
    changed.wait_for(lock, last_events_time, [this] { return events_ended; });
  }

  /// Before anybody is told of QEMU's end: whoever starts the guest next finds the TPM's state unlocked.
  void end_its_tpm() {
    tpm.reset();
    end_tpm(directory);
  }

  void set_events_ended(bool ended) {
    const std::lock_guard lock{mutex};
    events_ended = ended;
    changed.notify_all();
  }

  void begin_watch(UniqueFd pidfd) {
    watch = std::make_unique<DeathWatch>(
        std::move(pidfd), directory / log_name,
        [this] {
          end_its_tpm();
          await_last_events();
        },
        [this](const MachineExit& ended) {
          if (handlers.on_exit && !silent) handlers.on_exit(ended);
        });
  }

  Result<UniqueFd> reach(const std::filesystem::path& socket, Deadline deadline) const {
    for (;;) {
      auto fd = connect_once(socket);
      if (fd || fd.error().code == Code::invalid) return fd;
      if (!watch->alive()) return fail(Code::gone, "QEMU has ended");
      if (deadline.passed()) return fail(Code::timeout, "QEMU opens no monitor: " + fd.error().message);
      std::this_thread::sleep_for(connect_pause);
    }
  }

  Result<> connect(Deadline deadline) {
    const MachinePaths paths = MachinePaths::in(directory);
    const auto over = [&](const std::filesystem::path& path, QmpHandlers heard,
                          bool out_of_band) -> Result<std::unique_ptr<QmpSession>> {
      auto socket = reach(path, deadline);
      if (!socket) return fail(socket.error());
      return QmpSession::over(std::move(*socket), std::move(heard), deadline, out_of_band);
    };
    QmpHandlers heard;
    heard.on_event = [this](const Event& event) {
      if (handlers.on_event && !silent) handlers.on_event(event);
    };
    heard.on_closed = [this](const std::string&) { set_events_ended(true); };
    set_events_ended(false);
    auto in_band = over(paths.monitor, std::move(heard), false);
    if (!in_band) {
      set_events_ended(true);
      return fail(in_band.error());
    }
    monitor = std::move(*in_band);
    auto out_of_band = over(paths.oob_monitor, {}, true);
    if (!out_of_band) return fail(out_of_band.error());
    oob = std::move(*out_of_band);
    return {};
  }

  /// A QEMU that could not be used: why, in its own words if it had any.
  Error give_up(const Error& why) {
    silent = true;
    if (watch->alive()) (void)watch->wait(Deadline::after(std::chrono::milliseconds{200}));  // it may be just dying
    (void)watch->signal(SIGKILL);
    const auto ended = watch->wait(Deadline::after(std::chrono::seconds{10}));
    Error error = why;
    if (ended && !ended->last_words.empty()) error.message += ": " + ended->last_words;
    return error;
  }
};

std::filesystem::path log_of(const std::filesystem::path& directory) { return directory / log_name; }

Machine::Machine(std::unique_ptr<State> state) : state_{std::move(state)} {}
Machine::~Machine() {
  const bool lives = alive();
  state_->watch.reset();
  // QEMU lives on, and its TPM with it.
  if (lives && state_->tpm) state_->tpm->leave();
}

Result<std::unique_ptr<Machine>> Machine::start(const MachineSpec& wanted, const RunOptions& options,
                                                MachineHandlers handlers) {
  MachineSpec spec = wanted;
  UniqueFd kvm;
  if (spec.accelerator == Accelerator::kvm && spec.kvm_fd < 0) {
    kvm.reset(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (!kvm) return fail_errno("/dev/kvm");
    spec.kvm_fd = kvm.get();
  }
  auto argv = command_line(spec, MachinePaths::in(options.directory), options.program);
  if (!argv) return fail(argv.error());
  if (auto ready = prepare_directory(options); !ready) return fail(ready.error());
  std::optional<TpmEmulator> tpm;
  if (!spec.devices.tpm_state.empty()) {
    auto started = TpmEmulator::start({.directory = options.directory,
                                       .state = spec.devices.tpm_state,
                                       .user = options.user,
                                       .incoming = spec.incoming,
                                       .cgroups = options.cgroups},
                                      Deadline::after(options.start_timeout));
    if (!started) return fail(started.error());
    tpm.emplace(std::move(*started));
  }
  auto process = Process::spawn(process_spec(spec, options, std::move(*argv)));
  if (!process) return fail(process.error());

  // Until it is detached, every way out of here kills it.
  auto record = describe_process(process->pid());
  if (!record) return fail(record.error());
  if (auto noted = write_record(options.directory, *record); !noted) return fail(noted.error());
  UniqueFd pidfd{::fcntl(process->pidfd(), F_DUPFD_CLOEXEC, 3)};
  if (!pidfd) return fail_errno("pidfd");
  auto state = std::make_unique<State>();
  state->directory = options.directory;
  state->handlers = std::move(handlers);
  state->pid = process->detach();
  state->tpm = std::move(tpm);
  state->begin_watch(std::move(pidfd));
  if (auto connected = state->connect(Deadline::after(options.start_timeout)); !connected) {
    return fail(state->give_up(connected.error()).within("QEMU did not start"));
  }
  return std::unique_ptr<Machine>{new Machine{std::move(state)}};
}

Result<std::unique_ptr<Machine>> Machine::adopt(const std::filesystem::path& directory, MachineHandlers handlers,
                                                Deadline deadline) {
  auto found = find_process(directory);
  if (!found) {
    if (auto record = read_record(directory); !record) return fail(record.error());
    return fail(Code::gone, MachineExit{{}, last_words(directory / log_name)}.describe());
  }
  auto state = std::make_unique<State>();
  state->directory = directory;
  state->handlers = std::move(handlers);
  state->pid = found->pid;
  state->begin_watch(std::move(found->pidfd));
  if (auto connected = state->connect(deadline); !connected) {
    state->watch.reset();
    return fail(connected.error().within(fmt::format("cannot adopt QEMU {}", state->pid)));
  }
  return std::unique_ptr<Machine>{new Machine{std::move(state)}};
}

Result<> Machine::kill_stale(const std::filesystem::path& directory, Deadline deadline) {
  for (;;) {
    auto found = find_process(directory);
    if (!found) {
      end_tpm(directory);
      return {};
    }
    DeathWatch watch{std::move(found->pidfd), directory / log_name, {}, {}};
    if (auto sent = watch.signal(SIGKILL); !sent) return sent;
    if (auto ended = watch.wait(deadline); !ended) return fail(ended.error());
  }
}

pid_t Machine::pid() const { return state_->pid; }
bool Machine::alive() const { return state_->watch->alive(); }
std::optional<MachineExit> Machine::exit() const { return state_->watch->exit(); }
const std::filesystem::path& Machine::directory() const { return state_->directory; }
MachinePaths Machine::paths() const { return MachinePaths::in(state_->directory); }

Result<json::Value> Machine::execute(const std::string& command, const json::Value& arguments, Deadline deadline,
                                     std::span<const int> fds) {
  return state_->monitor->execute(command, arguments, deadline, fds);
}

Result<json::Value> Machine::execute_oob(const std::string& command, const json::Value& arguments, Deadline deadline) {
  return state_->oob->execute_oob(command, arguments, deadline);
}

Result<MachineExit> Machine::wait(Deadline deadline) { return state_->watch->wait(deadline); }

Result<> Machine::kill(Deadline deadline) {
  if (auto sent = state_->watch->signal(SIGKILL); !sent) return sent;
  if (auto ended = wait(deadline); !ended) return fail(ended.error());
  return {};
}

}  // namespace godwit::qemu
