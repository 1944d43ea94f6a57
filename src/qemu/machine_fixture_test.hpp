// Real QEMU processes, tiny and stopped, for tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>

#include "base/files.hpp"
#include "base/process.hpp"
#include "qemu/machine.hpp"
#include "qemu/migration.hpp"

namespace godwit::qemu {

inline Deadline soon() { return Deadline::after(std::chrono::seconds{30}); }

/// Collects what a machine tells.
class Witness {
 public:
  MachineHandlers handlers() {
    return {.on_event = [this](const Event& event) { note(event.name, event.data); },
            .on_exit = [this](const MachineExit&) { note("exit", nullptr); }};
  }
  bool saw(const std::string& name, const std::string& status = {}) {
    std::unique_lock lock{mutex_};
    return changed_.wait_until(lock, soon().at(), [&] {
      for (const auto& [seen, data] : seen_) {
        if (seen == name && (status.empty() || json::string_at(data, "/status") == status)) return true;
      }
      return false;
    });
  }

 private:
  void note(const std::string& name, const json::Value& data) {
    const std::lock_guard lock{mutex_};
    seen_.emplace_back(name, data);
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::string, json::Value>> seen_;
};

class MachineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!run_checked({.argv = {"qemu-system-x86_64", "--version"}}, soon())) GTEST_SKIP() << "no QEMU here";
    auto made = TemporaryDirectory::create("godwit-qemu");
    ASSERT_TRUE(made) << made.error().message;
    temporary_.emplace(std::move(*made));
    // QEMU's user must be able to pass through.
    std::filesystem::permissions(temporary_->path(), std::filesystem::perms{0755});
  }
  void TearDown() override {
    source_.reset();
    target_.reset();
    if (!temporary_) return;
    for (const auto& entry : std::filesystem::directory_iterator{temporary_->path()}) {
      if (entry.is_directory()) (void)Machine::kill_stale(entry.path(), soon());
    }
  }
  [[nodiscard]] std::filesystem::path directory(const std::string& name) const { return temporary_->path() / name; }
  [[nodiscard]] RunOptions options(const std::string& name) const {
    RunOptions made;
    made.directory = directory(name);
    if (::geteuid() != 0) made.user.reset();
    return made;
  }
  /// With a directory beside its own, where two machines meet.
  [[nodiscard]] RunOptions with_streams(const std::string& name) const {
    RunOptions made = options(name);
    std::filesystem::create_directory(directory("streams"));
    std::filesystem::permissions(directory("streams"), std::filesystem::perms{0777});
    made.socket_directories = {directory("streams")};
    return made;
  }
  static MachineSpec tiny() {
    MachineSpec spec;
    spec.name = "tiny";
    spec.uuid = "6f1b4d3e-50cb-4f6c-9d07-0d7e5a7f1a11";
    spec.memory_bytes = 16LL << 20;
    spec.tcg_tb_size_mb = 16;
    return spec;
  }
  Disk disk() const {
    const auto path = temporary_->path() / "disk.img";
    std::ofstream{path}.close();
    std::filesystem::resize_file(path, 1 << 20);
    std::filesystem::permissions(path, std::filesystem::perms{0666});
    return Disk{.id = "root", .path = path, .cache = DiskCache::writeback, .serial = "r,1", .boot_index = 1};
  }
  static Migration migration_of(Machine& machine) {
    return {[&](const std::string& c, const json::Value& a, Deadline d) { return machine.execute(c, a, d); },
            [&](const std::string& c, const json::Value& a, Deadline d) { return machine.execute_oob(c, a, d); }};
  }

  /// Runs the one, and moves its guest to the other; neither is running afterwards.
  void move(const MachineSpec& from, MachineSpec to) {
    auto source = Machine::start(from, with_streams("a"), source_witness_.handlers());
    ASSERT_TRUE(source) << source.error().message;
    source_ = std::move(*source);
    ASSERT_TRUE(source_->cont(soon()));
    to.incoming = true;
    auto target = Machine::start(to, with_streams("b"), target_witness_.handlers());
    ASSERT_TRUE(target) << target.error().message;
    target_ = std::move(*target);
    EXPECT_EQ(target_->status(soon())->state, "inmigrate");
    Migration sends = migration_of(*source_);
    Migration receives = migration_of(*target_);
    const std::set<std::string> capabilities{"return-path", "late-block-activate", "validate-uuid"};
    for (Migration* side : {&sends, &receives}) {
      auto set = side->set_capabilities(capabilities, soon());
      ASSERT_TRUE(set) << set.error().message;
      set = side->set_parameters(MigrationParameters{}, soon());
      ASSERT_TRUE(set) << set.error().message;
    }
    // The source's QEMU must reach the socket that the target's made: they run as the same user.
    const std::string uri = "unix:" + (directory("streams") / "incoming.sock").string();
    ASSERT_TRUE(receives.incoming(uri, soon()));
    ASSERT_TRUE(sends.migrate(uri, soon()));
    EXPECT_TRUE(source_witness_.saw("MIGRATION", "completed"));
    EXPECT_TRUE(target_witness_.saw("MIGRATION", "completed"));
  }

  std::optional<TemporaryDirectory> temporary_;
  Witness source_witness_;
  Witness target_witness_;
  std::unique_ptr<Machine> source_;
  std::unique_ptr<Machine> target_;
};

}  // namespace godwit::qemu
