// Faults that need more than one blow, or a network that loses the right packet.
#include <fmt/format.h>

#include "base/process.hpp"
#include "e2e/fault_scene.hpp"

namespace godwit {
namespace {

using namespace kube::resources;
using std::chrono::milliseconds;
using std::chrono::seconds;

class SpecialFaultTest : public FaultTest {
 protected:
  /// Begins a migration; returns once the guest is paused for its last pass, the agent or server frozen there.
  void begin_to_pause(const std::string& frozen) {
    home_ = node();
    target_ = other(home_);
    disk_ = tell("disk status");
    const auto migration = begin_migration(target_);
    ASSERT_TRUE(migration) << migration.error().message;
    migration_ = *migration;
    attempt_ = migration_uid(*migration);
    ASSERT_TRUE(wait_for_state(home_, "finish-migrate"));
    held_ = std::make_unique<Frozen>(pid_of(frozen == "source" ? home_ : frozen == "target" ? target_ : frozen));
  }
  void ends(const char* name, const char* phase, Home where, const char* reason = "") {
    SCOPED_TRACE(name);
    held_.reset();
    expect_outcome({name, phase, where, reason}, migration_, home_);
  }
  /// Stops the source's agent while the stream runs: QEMU comes to pre-switchover by itself and waits there for a word.
  void hold_before_switchover() {
    set_migrations(R"({"bandwidthPerMigration":"32Mi"})");  // so that nobody can come too late
    (void)tell("dirty stop");                               // at that speed it would never end
    home_ = node();
    target_ = other(home_);
    const auto migration = begin_migration(target_);
    ASSERT_TRUE(migration) << migration.error().message;
    migration_ = *migration;
    attempt_ = migration_uid(*migration);
    ASSERT_TRUE(eventually([&] { return json::string_at(vmi(), "/status/handover/migrationUID") == attempt_; }));
    (void)sleep_for(milliseconds{500}, {});
    held_ = std::make_unique<Frozen>(pid_of(home_));
    ASSERT_TRUE(wait_for_state(home_, "finish-migrate"));
  }
  /// The started-marker of the attempt says that the guest has run, or is about to.
  bool marked_as_started() {
    return eventually(
        [&] {
          std::error_code ignored;
          for (const auto& entry :
               std::filesystem::directory_iterator{cluster().directory / "nodes" / target_ / "instances", ignored}) {
            const auto text = read_file(entry.path() / ("started-" + attempt_));
            if (text && *text == "1") return true;
          }
          return false;
        },
        seconds{10});
  }
  void nft(const std::string& node_name, const std::string& commands) const {
    const auto done = run_program({.argv = {"ip", "netns", "exec", cluster().find(node_name)->ns, "nft", commands}},
                                  Deadline::after(seconds{10}));
    ASSERT_TRUE(done && done->exit.ok()) << (done ? done->err : done.error().message);
  }

  std::string home_, target_;
  kube::Key migration_;
  std::unique_ptr<Frozen> held_;
};

TEST_F(SpecialFaultTest, DoubleBlows) {
  boot_under_load("blows");
  if (HasFailure()) return;

  // Only the target has the guest, and the commit is lost with the server: the source commits forward on its report.
  begin_to_pause("server");
  ASSERT_TRUE(wait_for_state(home_, "postmigrate"));
  kill_qemu(home_);
  kill_program("server");
  ends("source's QEMU and server killed in completed", "Succeeded", Home::target);

  begin_to_pause("server");
  ASSERT_TRUE(wait_for_state(home_, "postmigrate"));
  kill_qemu(home_);
  kill_program(home_);
  ends("source's QEMU and agent killed in completed", "Succeeded", Home::target);

  begin_to_pause("target");
  ASSERT_TRUE(eventually([&] { return node() == target_; }));
  kill_qemu(target_);
  kill_program(target_);
  ends("target's QEMU and agent killed in committed", "Failed", Home::source, "the target could not run the guest");

  // The started-marker is on disk, and nobody has sent `cont`.
  begin_to_pause("server");
  ASSERT_TRUE(wait_for_state(target_, "paused"));
  (void)sleep_for(milliseconds{150}, {});  // its agent has asked it, and knows that it has everything
  {
    const Frozen qemu{qemu_on(target_)};
    held_.reset();
    ASSERT_TRUE(marked_as_started());
    kill_program(target_);
  }
  ends("target's agent killed between marker and cont", "Succeeded", Home::target);

  // As before, but QEMU dies: the marker forbids the source's copy for ever, whether or not the guest has run.
  begin_to_pause("server");
  ASSERT_TRUE(wait_for_state(target_, "paused"));
  (void)sleep_for(milliseconds{150}, {});
  {
    const Frozen qemu{qemu_on(target_)};
    held_.reset();
    ASSERT_TRUE(marked_as_started());
    kill_qemu(target_);
  }
  ends("target's QEMU killed between marker and cont", "Failed", Home::anew);
}

TEST_F(SpecialFaultTest, ServerAndNetworkAtTheCommit) {
  boot_under_load("edges");
  if (HasFailure()) return;

  // The connection to the server is refused: nothing has left the host, and the guest goes on without a word.
  begin_to_pause("server");
  {
    const Frozen supervisor{std::stoi(read_file(cluster().supervisor_pid()).value_or("0"))};
    kill_program("server");
    held_.reset();
    EXPECT_TRUE(wait_for_state(home_, "running"));
  }
  ends("server down at the commit", "Failed", Home::source);

  // The commit is on its way for longer than its author waits: whoever is right in the end, one of them runs.
  begin_to_pause("server");
  (void)sleep_for(seconds{7}, {});
  ends("server silent at the commit", "", Home::source);

  // The target has everything, but the source never hears of it: what the target's tunnel says is lost, while TCP's
  // bare acknowledgements (up to 80 bytes) let the stream flow.
  hold_before_switchover();
  if (HasFailure()) return;
  nft(home_,
      "add table inet lost; add chain inet lost in { type filter hook input priority -10; }; "
      "add rule inet lost in tcp sport 49152-49215 ip length gt 80 drop");
  held_.reset();
  EXPECT_TRUE(wait_for_state(home_, "running"));
  nft(home_, "delete table inet lost");
  EXPECT_NE(read_file(cluster().directory / "logs" / (target_ + ".log")).value_or("").find("everything is loaded"),
            std::string::npos);
  (void)tell("dirty 6 20");
  ends("last acknowledgement lost", "Failed", Home::source);
}

TEST_F(SpecialFaultTest, AgentsThatDieAtAStart) {
  boot_under_load("starts");
  if (HasFailure()) return;
  const std::string first = node();

  // A QEMU that doesn't answer the new agent is not taken for dead.
  {
    const Frozen qemu{qemu_on(first)};
    kill_program(first);
    (void)sleep_for(seconds{5}, {});
    EXPECT_EQ(node(), first);
    EXPECT_EQ(json::string_at(vmi(), "/status/phase"), "Running");
  }
  wait_for_programs();
  expect_unbroken();

  // The guest is started anew; its agent dies between claim and first `cont`.
  disk_ = tell("disk status");
  kill_qemu(first);
  int fresh = 0;
  std::string where;
  ASSERT_TRUE(eventually([&] {
    for (const local::LocalNode& n : cluster().nodes) {
      const int pid = qemu_on(n.name);
      if (pid == 0 || watch_->has_run(pid)) continue;
      fresh = pid;
      where = n.name;
    }
    return fresh != 0;
  }));
  {
    const Frozen agent{pid_of(where)};
    (void)sleep_for(milliseconds{50}, {});
    EXPECT_FALSE(watch_->has_run(fresh)) << "the agent was faster than the test";
    kill_program(where);
  }
  expect_started_anew();
  EXPECT_EQ(qemu_on(where), fresh) << "the next agent started another";
  expect_never_twice();
}

TEST_F(SpecialFaultTest, DeletedDuringThePause) {
  for (const std::string frozen : {"source", "target"}) {
    SCOPED_TRACE(frozen);
    boot_under_load("deleted-" + frozen);
    if (HasFailure()) return;
    begin_to_pause(frozen);
    if (frozen == "target") ASSERT_TRUE(eventually([&] { return node() == target_; }));
    (void)client().remove(virtual_machines, {.ns = "default", .name = name_});
    ASSERT_TRUE(eventually([&] { return json::find(vmi(), "/metadata/deletionTimestamp") != nullptr; }));
    held_.reset();
    EXPECT_TRUE(eventually([&] { return !client().get(virtual_machine_instances, {.ns = "default", .name = name_}); }))
        << json::write_pretty(vmi());
    for (const local::LocalNode& n : cluster().nodes) {
      EXPECT_TRUE(eventually([&] { return qemu_on(n.name) == 0; })) << n.name;
    }
    EXPECT_TRUE(eventually([&] {
      return !client().get(virtual_machine_instance_migrations, migration_) ||
             json::string_at(wait_for_end(migration_), "/status/phase") == "Failed";
    }));
    expect_never_twice();
    (void)client().remove(persistent_volume_claims, {.ns = "default", .name = name_});
  }
}

}  // namespace
}  // namespace godwit
