// A guest under load, a migration, and something that is killed at a chosen moment: the moments are held open by
// stopping (SIGSTOP) the process whose next step would end them.
#pragma once

#include <signal.h>

#include <memory>
#include <string>

#include "e2e/cluster_fixture.hpp"
#include "e2e/run_state_watch.hpp"

namespace godwit {

enum class Victim : std::uint8_t { target_qemu, source_qemu, source_agent, target_agent, server };
enum class Window : std::uint8_t {
  setup,      ///< the target's QEMU has just been started; the source has not begun
  prepared,   ///< the target's address is published; the source has not begun
  active,     ///< memory is being copied
  completed,  ///< the source's QEMU has given everything away; the commit has not been written
  committed,  ///< the target owns the guest, and has not continued it
};
enum class Home : std::uint8_t { source, target, anew };  ///< where the guest is afterwards; anew: started again

struct FaultCase {
  Victim victim;
  Window window;
  const char* phase;  ///< of the migration at the end; "": Succeeded or Failed
  Home home;
  const char* reason = "";  ///< what failureReason says, in part
};
[[nodiscard]] std::string name_of(const FaultCase& fault);

struct Outcome {
  std::string name;
  std::string phase;  ///< of the migration; "": Succeeded or Failed
  Home home = Home::source;
  std::string reason;
};

/// A process that stands still until this goes.
class Frozen {
 public:
  explicit Frozen(int pid) : pid_{pid} {
    EXPECT_GT(pid_, 1);
    if (pid_ > 1) ::kill(pid_, SIGSTOP);
  }
  ~Frozen() {
    if (pid_ > 1) ::kill(pid_, SIGCONT);
  }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  int pid_;
};

class FaultTest : public GuestTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  void boot_under_load(const std::string& name);
  void start_load();
  /// Checks memory, disk and counter of a guest that has never stopped existing; the load goes on.
  void expect_unbroken();
  /// The guest was started again: a new run, on the disk that it had flushed.
  void expect_started_anew();
  /// No QEMU, tap, tunnel, record or living pod but those of the owner.
  void expect_nothing_left(const std::string& migration_uid);
  /// At every instant since the test began at most one QEMU ran the guest.
  void expect_never_twice();

  /// Migrates, and meets the fault in its window.
  void meet(const FaultCase& fault);
  /// What every outcome has in common: the guest is there, whole and once.
  void expect_outcome(const Outcome& wanted, const kube::Key& migration, const std::string& home);

  /// The pid of an agent ("node-1") or of the "server".
  [[nodiscard]] int pid_of(const std::string& name) const;
  /// SIGKILL; the supervisor starts it again.
  void kill_program(const std::string& name) const;
  void kill_qemu(const std::string& node) const;
  void wait_for_programs() const;
  void set_migrations(const std::string& settings) const;
  [[nodiscard]] bool wait_for_state(const std::string& node, const std::string& state) const;
  /// Any node but this one.
  [[nodiscard]] std::string other(const std::string& node) const;
  [[nodiscard]] std::string migration_uid(const kube::Key& migration) const;

  std::unique_ptr<RunStateWatch> watch_;
  std::string attempt_;                      ///< uid of the last migration
  std::map<std::string, std::string> disk_;  ///< as last asked: run, flushed

 private:
  void hit(Victim victim, const std::string& source, const std::string& target) const;
  [[nodiscard]] bool came_in_time(Window window, const std::string& target) const;
  [[nodiscard]] std::string disk_image() const;
};

}  // namespace godwit
