// Real QEMU processes, tiny and stopped: sessions, events, death, adoption, a move between two of them.
#include "qemu/machine_fixture_test.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

#include <thread>

namespace godwit::qemu {
namespace {

TEST_F(MachineTest, StartsStoppedRunsStopsAndQuits) {
  Witness witness;
  auto machine = Machine::start(tiny(), options("a"), witness.handlers());
  ASSERT_TRUE(machine) << machine.error().message;
  auto status = (*machine)->status(soon());
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->running);
  EXPECT_EQ(status->state, "prelaunch");
  EXPECT_TRUE((*machine)->cont(soon()));
  EXPECT_TRUE(witness.saw("RESUME"));
  EXPECT_TRUE((*machine)->stop(soon()));
  EXPECT_TRUE(witness.saw("STOP"));
  EXPECT_EQ((*machine)->status(soon())->state, "paused");
  EXPECT_TRUE((*machine)->execute_oob("query-yank", json::Object{}, soon()));
  auto wrong = (*machine)->execute("no-such-command", json::Object{}, soon());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::not_found);
  EXPECT_TRUE((*machine)->quit(soon()));
  EXPECT_TRUE(witness.saw("SHUTDOWN"));
  EXPECT_TRUE(witness.saw("exit"));
  EXPECT_EQ((*machine)->exit()->status, 0);
  EXPECT_EQ((*machine)->execute("query-status", json::Object{}, soon()).error().code, Code::unavailable);
}

// Each set is a machine that the real QEMU takes; what it would refuse no test of words finds.
TEST_F(MachineTest, StartsWithEverySetOfDevices) {
  std::vector<MachineSpec> specs(5, tiny());
  specs[0].devices = {.video = "virtio", .balloon = true, .tablets = {"usb", "usb", "usb", "usb", "virtio"}};
  specs[0].devices.sound = "ac97";
  specs[0].devices.watchdog = "poweroff";
  specs[1].devices = {.video = "bochs", .serial_console = false, .watchdog = "shutdown"};
  specs[1].platform = {.acpi = false, .smm = true, .hpet = false, .pit = false};
  specs[2].devices.video = "cirrus";
  specs[2].clock = {.base = "localtime", .timezone = "Europe/Vienna", .catch_up = false, .guest_time = true};
  specs[3].clock.base = "2026-12-01T04:00:00";
  specs[3].firmware = {.serial = "S,1", .chassis = {.manufacturer = "M", .version = "1", .serial = "2", .asset = "3"}};
  specs[3].cpu_model = "Westmere,+avx2,-vmx,enforce";
  specs[4].cpu_model = "max";
  specs[4].sockets = 2;
  specs[4].cores = 2;
  specs[4].threads = 2;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    auto machine = Machine::start(specs[i], options("set" + std::to_string(i)), {});
    ASSERT_TRUE(machine) << i << ": " << machine.error().message;
    EXPECT_TRUE((*machine)->cont(soon()));
    EXPECT_TRUE((*machine)->status(soon())->running);
    EXPECT_TRUE((*machine)->quit(soon()));
  }
}

TEST_F(MachineTest, QuotesQemuWhenItDoesNotStart) {
  MachineSpec spec = tiny();
  spec.machine_type = "pc-q35-0.1";
  auto machine = Machine::start(spec, options("a"), {});
  ASSERT_FALSE(machine);
  EXPECT_NE(machine.error().message.find("pc-q35-0.1"), std::string::npos) << machine.error().message;
}

TEST_F(MachineTest, NoticesDeath) {
  Witness witness;
  auto machine = Machine::start(tiny(), options("a"), witness.handlers());
  ASSERT_TRUE(machine) << machine.error().message;
  ::kill((*machine)->pid(), SIGKILL);
  EXPECT_TRUE(witness.saw("exit"));
  EXPECT_FALSE((*machine)->alive());
  EXPECT_EQ((*machine)->exit()->status, 128 + SIGKILL);
}

TEST_F(MachineTest, OutlivesItsObjectAndIsAdopted) {
  pid_t pid = 0;
  {
    auto machine = Machine::start(tiny(), options("a"), {});
    ASSERT_TRUE(machine) << machine.error().message;
    pid = (*machine)->pid();
    EXPECT_EQ(::getsid(pid), pid);
    auto twice = Machine::start(tiny(), options("a"), {});
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, Code::already_exists);
  }
  std::filesystem::remove(directory("a") / "process.json");  // as if the starter had died before it wrote that
  Witness witness;
  auto adopted = Machine::adopt(directory("a"), witness.handlers(), soon());
  ASSERT_TRUE(adopted) << adopted.error().message;
  EXPECT_EQ((*adopted)->pid(), pid);
  EXPECT_TRUE((*adopted)->cont(soon()));
  EXPECT_TRUE(witness.saw("RESUME"));
  EXPECT_TRUE((*adopted)->kill(soon()));
  EXPECT_TRUE(witness.saw("exit"));
  EXPECT_EQ(Machine::adopt(directory("a"), {}, soon()).error().code, Code::not_found);
}

TEST_F(MachineTest, ADeadOneIsGone) {
  {
    auto machine = Machine::start(tiny(), options("a"), {});
    ASSERT_TRUE(machine) << machine.error().message;
  }
  EXPECT_TRUE(Machine::kill_stale(directory("a"), soon()));
  EXPECT_EQ(Machine::adopt(directory("a"), {}, soon()).error().code, Code::gone);
}

TEST_F(MachineTest, PassesDescriptors) {
  auto machine = Machine::start(tiny(), options("a"), {});
  ASSERT_TRUE(machine) << machine.error().message;
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd mine{ends[0]};
  const UniqueFd theirs{ends[1]};
  const int passed = theirs.get();
  const json::Value name = json::Object{{"fdname", "wire"}};
  EXPECT_TRUE((*machine)->execute("getfd", name, soon(), {&passed, 1}));
  EXPECT_TRUE((*machine)->execute("closefd", name, soon()));
  EXPECT_FALSE((*machine)->execute("closefd", name, soon()));
}

TEST_F(MachineTest, MovesBetweenTwo) {
  MachineSpec spec = tiny();
  spec.disks.push_back(disk());
  spec.devices = {.video = "vga", .balloon = true, .tablets = {"usb", "virtio"}, .sound = "ich9", .watchdog = "reset"};
  ASSERT_NO_FATAL_FAILURE(move(spec, spec));
  auto info = migration_of(*source_).query_final(soon());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->status, MigrationStatus::completed);
  EXPECT_GT(info->total_ms, 0);
  EXPECT_GT(info->ram.total, 16LL << 20);
  // "completed" is told a moment before the run state changes.
  const Deadline settled = soon();
  while (source_->status(soon())->state == "finish-migrate" && !settled.passed()) std::this_thread::yield();
  EXPECT_EQ(source_->status(soon())->state, "postmigrate");
  EXPECT_FALSE(target_->status(soon())->running);
  auto resumed = target_->cont(soon());
  EXPECT_TRUE(resumed) << resumed.error().message;
  // The image's lock went along.
  EXPECT_FALSE(source_->cont(soon()));
  EXPECT_TRUE(source_->quit(soon()));
  EXPECT_TRUE(target_->status(soon())->running);
}

TEST_F(MachineTest, APersistentTpmMovesWithinItsSharedDirectory) {
  if (!run_checked({.argv = {"swtpm", "--version"}}, soon())) GTEST_SKIP() << "no swtpm here";
  MachineSpec spec = tiny();
  spec.devices.tpm_state = temporary_->path() / "shared-tpm";
  ASSERT_NO_FATAL_FAILURE(move(spec, spec));
  ASSERT_TRUE(target_->cont(soon()));
  EXPECT_TRUE(source_->quit(soon()));
  EXPECT_TRUE(std::filesystem::exists(spec.devices.tpm_state / "tpm2-00.permall"));
}

// Neither the variables nor the TPM's state are on a shared place: QEMU carries both.
TEST_F(MachineTest, UefiVariablesAndTpmMoveAlong) {
  const std::filesystem::path code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
  const std::filesystem::path blank = "/usr/share/OVMF/OVMF_VARS_4M.fd";
  if (!std::filesystem::exists(code)) GTEST_SKIP() << "no OVMF here";
  if (!run_checked({.argv = {"swtpm", "--version"}}, soon())) GTEST_SKIP() << "no swtpm here";
  MachineSpec source = tiny();
  source.memory_bytes = 128LL << 20;
  source.devices = {.video = "vga", .watchdog = "poweroff", .tpm_state = temporary_->path() / "tpm-a"};
  source.firmware.uefi = {.code = code, .variables = temporary_->path() / "vars-a.fd"};
  MachineSpec target = source;
  target.devices.tpm_state = temporary_->path() / "tpm-b";
  target.firmware.uefi.variables = temporary_->path() / "vars-b.fd";
  for (const auto* spec : {&source, &target}) {
    std::filesystem::copy_file(blank, spec->firmware.uefi.variables);
    std::filesystem::permissions(spec->firmware.uefi.variables, std::filesystem::perms{0666});
  }
  // A mark in the part that is called the event log, which no firmware uses.
  constexpr std::streamoff event_log = 0x40800;
  std::fstream{source.firmware.uefi.variables, std::ios::in | std::ios::out | std::ios::binary}.seekp(event_log)
      << "godwit42";
  ASSERT_NO_FATAL_FAILURE(move(source, target));
  // Before the firmware goes on and changes it.
  const auto state_a = read_file(source.devices.tpm_state / "tpm2-00.permall");
  const auto state_b = read_file(target.devices.tpm_state / "tpm2-00.permall");
  ASSERT_TRUE(state_a && state_b);
  EXPECT_EQ(*state_a, *state_b);
  ASSERT_TRUE(target_->cont(soon()));
  EXPECT_TRUE(source_->quit(soon()));
  const auto variables = read_file(target.firmware.uefi.variables);
  ASSERT_TRUE(variables);
  EXPECT_EQ(variables->substr(event_log, 8), "godwit42");
  // swtpm ends with its QEMU: nobody needs to remember it.
  const auto tpm_lives = [&] { return std::filesystem::exists(directory("b") / "swtpm.pid"); };
  EXPECT_TRUE(tpm_lives());
  EXPECT_TRUE(target_->quit(soon()));
  const Deadline end = soon();
  while (tpm_lives() && !end.passed()) std::this_thread::yield();
  EXPECT_FALSE(tpm_lives());
}

TEST_F(MachineTest, StartsSecurely) {
  const std::filesystem::path code = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
  if (!std::filesystem::exists(code)) GTEST_SKIP() << "no OVMF here";
  MachineSpec spec = tiny();
  spec.memory_bytes = 128LL << 20;
  spec.platform.smm = true;
  spec.firmware.uefi = {.code = code, .variables = temporary_->path() / "vars.fd", .secure_boot = true};
  std::filesystem::copy_file("/usr/share/OVMF/OVMF_VARS_4M.ms.fd", spec.firmware.uefi.variables);
  std::filesystem::permissions(spec.firmware.uefi.variables, std::filesystem::perms{0666});
  auto machine = Machine::start(spec, options("a"), {});
  ASSERT_TRUE(machine) << machine.error().message;
  EXPECT_TRUE((*machine)->cont(soon()));
  EXPECT_TRUE((*machine)->status(soon())->running);
}

TEST_F(MachineTest, ATargetSurvivesAFailedStream) {
  MachineSpec spec = tiny();
  spec.incoming = true;
  auto target = Machine::start(spec, options("b"), {});
  ASSERT_TRUE(target) << target.error().message;
  Migration to = migration_of(**target);
  const auto path = directory("b") / "incoming.sock";
  ASSERT_TRUE(to.incoming("unix:" + path.string(), soon()));
  {
    auto stranger = QmpSession::connect(path, {}, Deadline::after(std::chrono::milliseconds{50}));
    EXPECT_FALSE(stranger);  // sends nothing and goes away
  }
  const auto end = soon();
  Result<MigrationInfo> info = to.query(end);
  while (info && info->status != MigrationStatus::failed && !end.passed()) info = to.query(end);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->status, MigrationStatus::failed);
  EXPECT_TRUE((*target)->alive());
}

}  // namespace
}  // namespace godwit::qemu
