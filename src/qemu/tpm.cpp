#include "qemu/tpm.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "qemu/command_line.hpp"
#include "qemu/process_record.hpp"

namespace godwit::qemu {
namespace {

constexpr auto program = "swtpm";
constexpr auto look_again = std::chrono::milliseconds{5};

std::filesystem::path pid_file(const std::filesystem::path& directory) { return directory / "swtpm.pid"; }
std::filesystem::path log_file(const std::filesystem::path& directory) { return directory / "swtpm.log"; }

/// swtpm before 0.8 can't hand its lock on a shared state directory over.
Result<bool> knows_migration() {
  const auto said =
      run_checked({.argv = {program, "socket", "--print-capabilities"}}, Deadline::after(std::chrono::seconds{10}));
  if (!said) return fail(Code::unavailable, "no TPM without swtpm (package swtpm): " + said.error().message);
  return said->find("cmdarg-migration") != std::string::npos;
}

Result<> prepare_state(const TpmOptions& options) {
  if (auto made = make_directory(options.state, 0700); !made) return made;
  if (options.user && ::chown(options.state.c_str(), options.user->first, options.user->second) != 0) {
    return fail_errno(options.state.string());
  }
  return {};
}

}  // namespace

std::vector<std::string> tpm_command(const TpmOptions& options, bool releases_lock) {
  std::vector<std::string> argv{
      program,      "socket",
      "--tpm2",     "--terminate",
      "--tpmstate", fmt::format("dir={},mode=0600", options.state.string()),
      "--ctrl",     fmt::format("type=unixio,path={},mode=0600", MachinePaths::in(options.directory).tpm.string()),
      "--pid",      fmt::format("file={}", pid_file(options.directory).string())};
  if (releases_lock) {
    argv.emplace_back("--migration");
    argv.emplace_back(options.incoming ? "release-lock-outgoing,incoming" : "release-lock-outgoing");
  }
  return argv;
}

Result<TpmEmulator> TpmEmulator::start(const TpmOptions& options, Deadline deadline) {
  const auto migration = knows_migration();
  if (!migration) return fail(migration.error());
  if (auto ready = prepare_state(options); !ready) return fail(ready.error().within("the TPM's state"));
  if (options.incoming && !*migration) {
    // The source's swtpm holds its lock for life, though it is stopped when ours starts to write. Ours takes another.
    std::error_code none_there;
    std::filesystem::remove(options.state / ".lock", none_there);
  }
  auto process = Process::spawn({.argv = tpm_command(options, *migration),
                                 .stdout_file = log_file(options.directory),
                                 .user = options.user,
                                 .own_session = true,
                                 .cgroups = options.cgroups});
  if (!process) return fail(process.error());
  TpmEmulator emulator{std::move(*process)};
  // It writes its pid when it listens.
  while (!std::filesystem::exists(pid_file(options.directory))) {
    if (!emulator.process_.running() || deadline.passed()) {
      const auto words = read_file(log_file(options.directory));
      return fail(Code::unavailable, fmt::format("swtpm does not start: {}", trim(words.value_or(""))));
    }
    std::this_thread::sleep_for(look_again);
  }
  return emulator;
}

void end_tpm(const std::filesystem::path& directory) {
  const auto text = read_file(pid_file(directory));
  const auto pid = text ? parse_number<pid_t>(trim(*text)) : std::nullopt;
  if (pid && *pid > 1) {
    // The number may be another program's by now.
    const auto command = read_file(fmt::format("/proc/{}/cmdline", *pid));
    const std::string sign = "path=" + MachinePaths::in(directory).tpm.string() + ",";
    if (command && command->find(sign) != std::string::npos) ::kill(*pid, SIGKILL);
  }
  std::error_code ignored;
  std::filesystem::remove(pid_file(directory), ignored);
  std::filesystem::remove(MachinePaths::in(directory).tpm, ignored);
}

}  // namespace godwit::qemu
