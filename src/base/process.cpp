#include "base/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "base/text.hpp"

extern char** environ;

namespace godwit {
namespace {

/// Everything the child needs, made before fork so that the child only makes system calls.
struct Prepared {
  std::vector<char*> argv;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  UniqueFd out;
  UniqueFd err;
  UniqueFd null;
  std::vector<UniqueFd> cgroups;
  std::optional<PreparedConfinement> confinement;
};

/// What a child says of its failure, through a pipe.
struct ChildFailure {
  int error = 0;
  char path[200] = {};  ///< what it is about, if not the program
};

Result<UniqueFd> open_log(const std::filesystem::path& path) {
  UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)};
  if (!fd) return fail_errno(path.string());
  return fd;
}

Result<Prepared> prepare(const ProcessSpec& spec) {
  if (spec.argv.empty()) return fail(Code::invalid, "no program to start");
  Prepared made;
  for (const std::string& argument : spec.argv) made.argv.push_back(const_cast<char*>(argument.c_str()));
  made.argv.push_back(nullptr);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text{*variable};
    const std::string name{text.substr(0, text.find('='))};
    if (!spec.extra_environment.contains(name)) made.environment_text.emplace_back(text);
  }
  for (const auto& [name, value] : spec.extra_environment) made.environment_text.push_back(name + "=" + value);
  for (std::string& text : made.environment_text) made.environment.push_back(text.data());
  made.environment.push_back(nullptr);
  if (spec.stdout_file) {
    auto out = open_log(*spec.stdout_file);
    if (!out) return fail(out.error());
    made.out = std::move(*out);
  }
  if (spec.stderr_file) {
    auto err = open_log(*spec.stderr_file);
    if (!err) return fail(err.error());
    made.err = std::move(*err);
  }
  made.null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!made.null) return fail_errno("/dev/null");
  for (const auto& cgroup : spec.cgroups) {
    made.cgroups.emplace_back(::open((cgroup / "cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!made.cgroups.back()) return fail_errno(cgroup.string());
  }
  if (spec.confinement) {
    auto confinement = PreparedConfinement::of(*spec.confinement);
    if (!confinement) return fail(confinement.error().within("confinement"));
    made.confinement = std::move(*confinement);
  }
  return made;
}

[[noreturn]] void child_failed(int report, const char* path = nullptr) {
  ChildFailure failure{.error = errno};
  if (path != nullptr) std::strncpy(failure.path, path, sizeof failure.path - 1);
  [[maybe_unused]] const ssize_t n = ::write(report, &failure, sizeof failure);
  ::_exit(127);
}

/// Moves each inherited descriptor to its number without one overwriting another.
void place_descriptors(const std::vector<std::pair<int, int>>& inherited, int report) {
  int lifted[64];
  int highest = report;
  for (const auto& [from, to] : inherited) highest = std::max({highest, from, to});
  std::size_t count = 0;
  for (const auto& [from, to] : inherited) {
    if (count == std::size(lifted)) break;
    lifted[count] = ::fcntl(from, F_DUPFD_CLOEXEC, highest + 1);
    if (lifted[count] < 0) child_failed(report);
    ++count;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (::dup2(lifted[i], inherited[i].second) < 0) child_failed(report);
  }
}

/// Where the child is put: cgroups, namespaces. Needs our rights.
void enter_places(const ProcessSpec& spec, const Prepared& prepared, int report) {
  for (const UniqueFd& cgroup : prepared.cgroups) {
    if (::write(cgroup.get(), "0", 1) != 1) child_failed(report, "its cgroup");
  }
  if (spec.network_namespace && !spec.confinement && ::setns(*spec.network_namespace, CLONE_NEWNET) != 0)
    child_failed(report, "its network namespace");
}

[[noreturn]] void become(const ProcessSpec& spec, const Prepared& prepared, int report) {
  if (spec.own_session) ::setsid();
  enter_places(spec, prepared, report);
  const auto is_inherited = [&](int number) {
    return std::any_of(spec.inherited.begin(), spec.inherited.end(), [&](const auto& p) { return p.second == number; });
  };
  if (!is_inherited(0)) ::dup2(prepared.null.get(), 0);
  if (prepared.out) ::dup2(prepared.out.get(), 1);
  if (prepared.err) {
    ::dup2(prepared.err.get(), 2);
  } else if (prepared.out) {
    ::dup2(prepared.out.get(), 2);
  }
  place_descriptors(spec.inherited, report);
  // Close what nobody asked for; `report` is close-on-exec and must live until then.
  int highest = 2;
  for (const auto& [from, to] : spec.inherited) highest = std::max(highest, to);
  for (int fd = 3; fd <= highest; ++fd) {
    if (fd != report && !is_inherited(fd)) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  ::syscall(SYS_close_range, static_cast<unsigned>(highest) + 1U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  const char* failed_at = nullptr;
  if (prepared.confinement && !prepared.confinement->enter(&failed_at)) child_failed(report, failed_at);
  if (spec.user) {
    if (::setgroups(0, nullptr) != 0 && ::geteuid() == 0) child_failed(report);
    if (::setresgid(spec.user->second, spec.user->second, spec.user->second) != 0) child_failed(report);
    if (::setresuid(spec.user->first, spec.user->first, spec.user->first) != 0) child_failed(report);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execvpe(prepared.argv[0], prepared.argv.data(), const_cast<char* const*>(prepared.environment.data()));
  child_failed(report);
}

/// Like fork(2), into the namespaces of a confinement. The child may only make system calls.
pid_t fork_into(const Prepared& prepared) {
  if (!prepared.confinement) return ::fork();
  return static_cast<pid_t>(
      ::syscall(SYS_clone, SIGCHLD | PreparedConfinement::namespaces(), nullptr, nullptr, nullptr, nullptr));
}

Exit exit_of(const siginfo_t& info) { return Exit{info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status}; }

}  // namespace

Result<Process> Process::spawn(const ProcessSpec& spec) {
  auto prepared = prepare(spec);
  if (!prepared) return fail(prepared.error());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  UniqueFd report_read{ends[0]};
  UniqueFd report_write{ends[1]};
  const pid_t pid = fork_into(*prepared);
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) become(spec, *prepared, report_write.get());
  report_write.reset();
  UniqueFd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  Process process{pid, std::move(pidfd)};
  ChildFailure failure;
  ssize_t n = 0;
  do {
    n = ::read(report_read.get(), &failure, sizeof failure);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof failure) {
    (void)process.wait(Deadline::after(std::chrono::seconds{5}));
    const std::string path{static_cast<const char*>(failure.path)};
    return fail_errno("cannot start " + spec.argv[0] + (path.empty() ? "" : ": " + path), failure.error);
  }
  if (!process.pidfd_) return fail_errno("pidfd_open");
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)}, pidfd_{std::move(other.pidfd_)}, exit_{other.exit_} {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    exit_ = other.exit_;
  }
  return *this;
}

Process::~Process() { end(); }

void Process::end() {
  if (pid_ < 0 || exit_) return;
  ::kill(pid_, SIGKILL);
  (void)wait(Deadline::never());
}

bool Process::running() const {
  if (pid_ < 0 || exit_) return false;
  pollfd p{pidfd_.get(), POLLIN, 0};
  return ::poll(&p, 1, 0) == 0;
}

Result<> Process::signal(int number) const {
  if (pid_ < 0 || exit_) return fail(Code::gone, "the process has ended");
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0) return fail_errno("kill");
  return {};
}

Result<Exit> Process::wait(Deadline deadline) {
  if (exit_) return *exit_;
  if (pid_ < 0) return fail(Code::gone, "no process");
  for (;;) {
    pollfd p{pidfd_.get(), POLLIN, 0};
    const int ready = pidfd_ ? ::poll(&p, 1, deadline.poll_timeout()) : 1;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return fail(Code::timeout, fmt::format("process {} still runs", pid_));
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0) {
      if (errno == EINTR) continue;
      return fail_errno("waitid");
    }
    exit_ = exit_of(info);
    return *exit_;
  }
}

pid_t Process::detach() {
  pidfd_.reset();
  return std::exchange(pid_, -1);
}

namespace {

struct Pipes {
  UniqueFd in, out, err;                    // our ends
  UniqueFd child_in, child_out, child_err;  // the child's
};

Result<Pipes> make_pipes() {
  Pipes pipes;
  const auto make = [](UniqueFd& read_end, UniqueFd& write_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    return true;
  };
  if (!make(pipes.child_in, pipes.in) || !make(pipes.out, pipes.child_out) || !make(pipes.err, pipes.child_err)) {
    return fail_errno("pipe");
  }
  ::fcntl(pipes.in.get(), F_SETFL, O_NONBLOCK);
  return pipes;
}

/// Appends what is there; closes the descriptor at its end.
void drain(UniqueFd& fd, std::string& into) {
  char buffer[16384];
  const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
  if (n > 0) into.append(buffer, static_cast<std::size_t>(n));
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) fd.reset();
}

}  // namespace

Result<Output> run_program(ProcessSpec spec, Deadline deadline, const std::string& input) {
  auto pipes = make_pipes();
  if (!pipes) return fail(pipes.error());
  spec.inherited.emplace_back(pipes->child_in.get(), 0);
  spec.inherited.emplace_back(pipes->child_out.get(), 1);
  spec.inherited.emplace_back(pipes->child_err.get(), 2);
  auto process = Process::spawn(spec);
  if (!process) return fail(process.error());
  pipes->child_in.reset();
  pipes->child_out.reset();
  pipes->child_err.reset();
  Output output;
  std::string_view rest = input;
  if (rest.empty()) pipes->in.reset();
  while (pipes->out || pipes->err) {
    pollfd polled[3] = {{pipes->out.get(), POLLIN, 0}, {pipes->err.get(), POLLIN, 0}, {pipes->in.get(), POLLOUT, 0}};
    const int ready = ::poll(polled, 3, deadline.poll_timeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return fail(Code::timeout, spec.argv[0] + " did not finish in time");
    if (polled[0].revents != 0) drain(pipes->out, output.out);
    if (polled[1].revents != 0) drain(pipes->err, output.err);
    if (pipes->in && polled[2].revents != 0) {
      const ssize_t n = ::write(pipes->in.get(), rest.data(), rest.size());
      if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
      if (rest.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) pipes->in.reset();
    }
  }
  auto exit = process->wait(deadline);
  if (!exit) return fail(exit.error().within(spec.argv[0]));
  output.exit = *exit;
  return output;
}

Result<std::string> run_checked(ProcessSpec spec, Deadline deadline, const std::string& input) {
  const std::string command = join(spec.argv, " ");
  auto output = run_program(std::move(spec), deadline, input);
  if (!output) return fail(output.error());
  if (!output->exit.ok()) {
    return fail(Code::internal,
                fmt::format("`{}` failed with status {}: {}", command, output->exit.status, trim(output->err)));
  }
  return std::move(output->out);
}

}  // namespace godwit
