#include "e2e/fault_scene.hpp"

#include <fmt/format.h>

#include "base/process.hpp"
#include "base/text.hpp"
#include "local/processes.hpp"
#include "trial/disk_verifier.hpp"

namespace godwit {
namespace {

using namespace kube::resources;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* victims[] = {"target's QEMU", "source's QEMU", "source's agent", "target's agent", "server"};
constexpr const char* windows[] = {"setup", "prepared", "active", "completed", "committed"};

}  // namespace

std::string name_of(const FaultCase& fault) {
  return fmt::format("{} killed in {}", victims[static_cast<int>(fault.victim)],
                     windows[static_cast<int>(fault.window)]);
}

void FaultTest::SetUp() {
  GuestTest::SetUp();
  if (ClusterEnvironment::instance().usable()) watch_ = std::make_unique<RunStateWatch>(cluster());
}

void FaultTest::TearDown() {
  if (ClusterEnvironment::instance().usable()) set_migrations("null");
  GuestTest::TearDown();
  if (!name_.empty()) expect_never_twice();
}

void FaultTest::boot_under_load(const std::string& name) {
  boot(name);
  start_load();
}

void FaultTest::start_load() {
  (void)tell("dirty 6 20");
  disk_ = tell("disk start 40");
}

std::string FaultTest::disk_image() const {
  const auto claim = client().get(persistent_volume_claims, {.ns = "default", .name = name_});
  const auto volume = client().get(persistent_volumes, {.ns = {}, .name = json::string_at(*claim, "/spec/volumeName")});
  return json::string_at(*volume, "/spec/hostPath/path") + "/disk.img";
}

void FaultTest::expect_unbroken() {
  expect_guest_intact();
  EXPECT_EQ(tell("dirty status").at("errors"), "0");
  const auto disk = tell("disk stop");
  const auto verified = trial::verify_disk(disk_image(), std::stoull(disk.at("run")), std::stoull(disk.at("flushed")));
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_TRUE(verified->intact()) << verified->missing << " missing, " << verified->damaged << " damaged";
  disk_ = tell("disk start 40");
}

void FaultTest::expect_started_anew() {
  ASSERT_TRUE(eventually([&] { return json::string_at(vmi(), "/status/phase") == "Running"; })) << "not started again";
  address_ = json::string_at(vmi(), "/status/interfaces/0/ipAddress");
  const auto answers = trial::wait_for_guest(address_, Deadline::after(seconds{90}));
  ASSERT_TRUE(answers) << answers.error().message;
  EXPECT_NE(tell("heartbeat")["run"], run_);
  const auto verified =
      trial::verify_disk(disk_image(), std::stoull(disk_.at("run")), std::stoull(disk_.at("flushed")));
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_TRUE(verified->intact()) << verified->missing << " missing, " << verified->damaged << " damaged";
  run_ = tell("heartbeat")["run"];
  (void)tell("pattern set 20");
  start_load();
}

void FaultTest::expect_nothing_left(const std::string& migration_uid) {
  const std::string owner = node();
  const std::string uid = json::string_at(vmi(), "/metadata/uid");
  std::string letters;
  for (const char c : uid) letters += c == '-' ? "" : std::string(1, c);
  std::string left;
  const auto clean = [&] {
    left.clear();
    for (const local::LocalNode& n : cluster().nodes) {
      for (const int pid : local::processes_in(cluster().node_data(n), n)) {
        const std::string command = read_file(fmt::format("/proc/{}/cmdline", pid)).value_or("");
        if (command.find(migration_uid) != std::string::npos) left += "a tunnel on " + n.name + "; ";
      }
      std::error_code ignored;
      for (const auto& entry : std::filesystem::recursive_directory_iterator{cluster().node_data(n) / "mig", ignored}) {
        if (entry.path().filename() == migration_uid.substr(0, 8))
          left += "a migration's directory on " + n.name + "; ";
      }
      if (n.name == owner) continue;
      if (qemu_on(n.name) != 0) left += "a QEMU on " + n.name + "; ";
      const auto links = run_program({.argv = {"ip", "-n", n.ns, "-o", "link"}}, Deadline::after(seconds{10}));
      if (links && links->out.find("gt" + letters.substr(0, 10)) != std::string::npos)
        left += "a tap on " + n.name + "; ";
    }
    const auto list =
        client().list(pods, "default", {.label_selector = "vm.kubevirt.io/name=" + name_, .field_selector = {}});
    int living = 0;
    for (const json::Value& pod : list ? list->items : std::vector<json::Value>{}) {
      const std::string phase = json::string_at(pod, "/status/phase");
      if (phase == "Succeeded" || phase == "Failed") continue;
      ++living;
      if (json::string_at(pod, "/spec/nodeName") != owner)
        left += "a pod on " + json::string_at(pod, "/spec/nodeName") + "; ";
    }
    if (living != 1) left += fmt::format("{} living pods; ", living);
    if (json::string_at(vmi(), "/status/handover/migrationUID") != "") left += "the attempt's mark; ";
    return left.empty();
  };
  EXPECT_TRUE(eventually(clean)) << left;
}

void FaultTest::expect_never_twice() {
  const auto spans = watch_->spans_of(name_);
  EXPECT_FALSE(spans.empty());
  const auto overlap = qemu::find_overlap(spans);
  EXPECT_FALSE(overlap) << *overlap;
}

int FaultTest::pid_of(const std::string& name) const {
  const std::string file = read_file(cluster().directory / "pids" / name).value_or("");
  return parse_number<int>(trim(file.substr(0, file.find_first_of(" \n")))).value_or(0);
}

void FaultTest::kill_program(const std::string& name) const {
  const int pid = pid_of(name);
  ASSERT_GT(pid, 1);
  ::kill(pid, SIGKILL);
}

void FaultTest::kill_qemu(const std::string& node) const {
  const int pid = qemu_on(node);
  ASSERT_GT(pid, 1) << "no QEMU on " << node;
  ::kill(pid, SIGKILL);
}

void FaultTest::wait_for_programs() const {
  ASSERT_TRUE(eventually([&] {
    for (const local::LocalNode& n : cluster().nodes) {
      if (const int pid = pid_of(n.name); pid <= 1 || ::kill(pid, 0) != 0) return false;
    }
    return static_cast<bool>(client().call("GET", "/readyz"));
  }));
}

void FaultTest::set_migrations(const std::string& settings) const {
  const auto patch = json::parse(fmt::format(R"({{"spec":{{"configuration":{{"migrations":{}}}}}}})", settings));
  const auto done = client().patch(kubevirts, {.ns = "kubevirt", .name = "kubevirt"}, kube::PatchType::merge, *patch);
  EXPECT_TRUE(done) << done.error().message;
  (void)sleep_for(milliseconds{200}, {});  // the controller reads it from its watch
}

bool FaultTest::wait_for_state(const std::string& node, const std::string& state) const {
  return watch_->wait_for_state(name_, node, state, Deadline::after(seconds{40}));
}

std::string FaultTest::other(const std::string& node) const {
  for (const local::LocalNode& n : cluster().nodes) {
    if (n.name != node) return n.name;
  }
  return {};
}

std::string FaultTest::migration_uid(const kube::Key& migration) const {
  const auto vmim = client().get(virtual_machine_instance_migrations, migration);
  return vmim ? json::string_at(*vmim, "/metadata/uid") : std::string{};
}

void FaultTest::hit(Victim victim, const std::string& source, const std::string& target) const {
  switch (victim) {
    case Victim::target_qemu: kill_qemu(target); break;
    case Victim::source_qemu: kill_qemu(source); break;
    case Victim::source_agent: kill_program(source); break;
    case Victim::target_agent: kill_program(target); break;
    case Victim::server: kill_program("server"); break;
  }
}

/// The windows within the pause last some milliseconds: was the hand-over quicker than the test?
bool FaultTest::came_in_time(Window window, const std::string& target) const {
  if (window != Window::completed && window != Window::committed) return true;
  (void)sleep_for(milliseconds{100}, {});  // a target that has read the commit runs by then
  return !watch_->wait_for_state(name_, target, "running", Deadline::after(milliseconds{0}));
}

void FaultTest::meet(const FaultCase& fault) {
  SCOPED_TRACE(name_of(fault));
  const std::string home = node();
  const std::string target = other(home);
  set_migrations(fault.window == Window::active ? R"({"bandwidthPerMigration":"16Mi"})" : "null");
  disk_ = tell("disk status");
  const bool before = fault.window == Window::setup || fault.window == Window::prepared;
  auto held = before ? std::make_unique<Frozen>(pid_of(home)) : nullptr;
  const auto migration = begin_migration(target);
  ASSERT_TRUE(migration) << migration.error().message;
  attempt_ = migration_uid(*migration);
  switch (fault.window) {
    case Window::setup: ASSERT_TRUE(eventually([&] { return qemu_on(target) != 0; })); break;
    case Window::prepared:
      ASSERT_TRUE(eventually([&] {
        const json::Value now = vmi();
        return json::string_at(now, "/status/migrationState/migrationUid") == attempt_ &&
               !json::string_at(now, "/status/migrationState/targetNodeAddress").empty();
      }));
      break;
    case Window::active:
      ASSERT_TRUE(eventually([&] { return json::string_at(vmi(), "/status/handover/migrationUID") == attempt_; }));
      (void)sleep_for(milliseconds{500}, {});
      break;
    case Window::completed:
      ASSERT_TRUE(wait_for_state(home, "finish-migrate"));
      held = std::make_unique<Frozen>(pid_of("server"));
      ASSERT_TRUE(wait_for_state(home, "postmigrate"));
      break;
    case Window::committed:
      ASSERT_TRUE(wait_for_state(home, "finish-migrate"));
      held = std::make_unique<Frozen>(pid_of(target));
      ASSERT_TRUE(eventually([&] { return node() == target; }));
      break;
  }
  if (!came_in_time(fault.window, target)) {
    held.reset();
    EXPECT_EQ(json::string_at(wait_for_end(*migration), "/status/phase"), "Succeeded");
    expect_nothing_left(attempt_);
    std::cout << "  (too late; once more)\n";
    if (!HasFailure()) meet(fault);
    return;
  }
  hit(fault.victim, home, target);
  (void)sleep_for(milliseconds{150}, {});  // an agent that lives has seen it
  held.reset();
  expect_outcome({name_of(fault), fault.phase, fault.home, fault.reason}, *migration, home);
}

void FaultTest::expect_outcome(const Outcome& wanted, const kube::Key& migration, const std::string& home) {
  wait_for_programs();
  const json::Value ended = wait_for_end(migration);
  const std::string phase = json::string_at(ended, "/status/phase");
  const std::string reason = json::string_at(ended, "/status/migrationState/failureReason");
  // With its VMI, which is made anew, a migration goes, too; then its events have told.
  const bool gone = wanted.home == Home::anew && phase.empty();
  if (!wanted.phase.empty() && !gone) EXPECT_EQ(phase, wanted.phase) << reason;
  EXPECT_NE(reason.find(wanted.reason), std::string::npos) << reason;
  std::cout << fmt::format("  {:32} {:10} {} {}\n", wanted.name, phase, node() == home ? "stayed" : "moved", reason)
            << std::flush;
  if (wanted.home == Home::anew) {
    expect_started_anew();
  } else {
    EXPECT_EQ(node() == home, !wanted.phase.empty() ? wanted.home == Home::source : phase == "Failed");
    expect_unbroken();
  }
  expect_nothing_left(attempt_);
  expect_never_twice();
}

}  // namespace godwit
