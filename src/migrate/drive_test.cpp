// Both drivers with two real QEMUs and two real tunnel processes; only the API and the network are stand-ins.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <future>
#include <mutex>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "http/pki.hpp"
#include "migrate/drive_fakes_test.hpp"
#include "migrate/source_driver.hpp"
#include "migrate/target_driver.hpp"

namespace godwit::migrate {
namespace {

using namespace std::chrono_literals;
Deadline soon() { return Deadline::after(30s); }

/// Who executes, by the STOP and RESUME events of both. More than one at a time is the failure of all failures.
class Executing {
 public:
  void set(const std::string& who, bool runs) {
    const std::scoped_lock lock{mutex_};
    runs_[who] = runs;
    int count = 0;
    for (const auto& [name, on] : runs_) count += on ? 1 : 0;
    EXPECT_LE(count, 1) << "two QEMUs execute the guest";
  }
  [[nodiscard]] bool runs(const std::string& who) {
    const std::scoped_lock lock{mutex_};
    return runs_[who];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, bool> runs_;
};

/// Ends every process that has something to do with the directory: tunnels outlive the driver that started them.
void end_processes_of(const std::filesystem::path& directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc", ignored}) {
    const auto pid = parse_number<int>(entry.path().filename().string());
    if (!pid || *pid == ::getpid()) continue;
    const std::string command = read_file(entry.path() / "cmdline").value_or("");
    if (command.find(directory.string() + "/") != std::string::npos) ::kill(*pid, SIGKILL);
  }
}

/// A driver that other threads speak to while the test makes it and takes it away, guarded as the agent guards its own.
template <class Driver>
class Published {
 public:
  Published& operator=(std::unique_ptr<Driver> driver) {
    const std::lock_guard lock{mutex_};
    driver_ = std::move(driver);
    return *this;
  }
  /// Ends it outside the lock: its thread may be telling us something.
  void reset() {
    std::unique_ptr<Driver> ending;  // declared first: goes after the lock
    const std::lock_guard lock{mutex_};
    ending.swap(driver_);
  }
  template <class What>
  void tell(const What& what) {
    const std::lock_guard lock{mutex_};
    if (driver_) what(*driver_);
  }
  Driver* operator->() const { return driver_.get(); }  // the test's own thread

 private:
  std::mutex mutex_;
  std::unique_ptr<Driver> driver_;
};

class DriveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "no QEMU here";
    ground.emplace(std::move(*TemporaryDirectory::create("drive")));
    std::filesystem::permissions(ground->path(), std::filesystem::perms{0755});
    const auto ca = *http::make_ca("test");
    ASSERT_TRUE(write_file(path("ca.crt"), ca.certificate_pem));
    for (const std::string node : {"s", "t"}) {
      http::LeafRequest leaf;
      leaf.common_name = "system:node:" + node;
      leaf.for_server = true;
      const auto pair = *http::issue(ca, leaf);
      ASSERT_TRUE(write_file(path(node + ".crt"), pair.certificate_pem));
      ASSERT_TRUE(write_file(path(node + ".key"), pair.key_pem));
      ASSERT_TRUE(make_directory(path(node + ".d"), 0755));
      if (::geteuid() == 0) ASSERT_EQ(::chown(path(node + ".d").c_str(), 107, 107), 0);
    }
    qemu_s = start("s", false);
    qemu_t = start("t", true);
    ASSERT_TRUE(qemu_s->machine && qemu_t->machine);
    ASSERT_TRUE(qemu_s->machine->cont(soon()));
    api.watch([this](const json::Value& vmi) {
      source.tell([&](SourceDriver& d) { d.observe(vmi); });
      target.tell([&](TargetDriver& d) { d.observe(vmi); });
    });
  }
  void TearDown() override {
    api.unwatch();
    source.reset();
    target.reset();
    for (const auto& port : {qemu_s, qemu_t})
      if (port && port->machine) {
        (void)port->machine->kill(soon());
        port->machine.reset();  // joins the threads that speak to the drivers
      }
    end_processes_of(ground->path());
  }

  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return ground->path() / name; }
  [[nodiscard]] Credentials credentials(const std::string& node) const {
    return {path(node + ".crt"), path(node + ".key"), path("ca.crt")};
  }

  std::shared_ptr<MachinePort> start(const std::string& node, bool incoming) {
    qemu::MachineSpec spec;
    spec.name = "drive-" + node;
    spec.uuid = "6f1b4d3e-50cb-4f6c-9d07-0d7e5a7f1a12";
    spec.memory_bytes = 64LL << 20;
    spec.tcg_tb_size_mb = 16;
    spec.incoming = incoming;
    qemu::RunOptions options;
    options.directory = path(node + ".q");
    options.socket_directories = {path(node + ".d")};
    if (::geteuid() != 0) options.user.reset();
    auto port = std::make_shared<MachinePort>();
    auto machine =
        qemu::Machine::start(spec, options,
                             {.on_event =
                                  [this, node](const qemu::Event& event) {
                                    if (event.name == "STOP" || event.name == "RESUME")
                                      executing.set(node, event.name == "RESUME");
                                    if (node == "s")
                                      source.tell([&](SourceDriver& d) { d.on_qemu_event(event.name, event.data); });
                                    if (node == "t")
                                      target.tell([&](TargetDriver& d) { d.on_qemu_event(event.name, event.data); });
                                  },
                              .on_exit =
                                  [this, node](const qemu::MachineExit& exit) {
                                    executing.set(node, false);
                                    const json::Value data = json::Object{{"reason", exit.describe()}};
                                    if (node == "s")
                                      source.tell([&](SourceDriver& d) { d.on_qemu_event("GODWIT_EXIT", data); });
                                    if (node == "t")
                                      target.tell([&](TargetDriver& d) { d.on_qemu_event("GODWIT_EXIT", data); });
                                  }});
    EXPECT_TRUE(machine) << machine.error().message;
    if (machine) port->machine = std::move(*machine);
    return port;
  }

  /// Starts the target, waits for its port, starts the source towards it.
  void migrate(std::int64_t limit = 0) {
    std::promise<int> port;
    TargetSpec t;
    t.migration_uid = "m1";
    t.self = "t";
    t.source = "s";
    t.address = "127.0.0.1";
    t.credentials = credentials("t");
    t.directory = path("t.d");
    t.program = "/proc/self/exe";
    TargetPorts tp{.qemu = qemu_t, .ownership = api_t, .network = net_t, .marker = marker};
    tp.on_listening = [&port](int number) { port.set_value(number); };
    target = std::make_unique<TargetDriver>(t, tp, [this](const TargetOutcome& o) { target_end.set_value(o); });
    auto listening = port.get_future();
    ASSERT_EQ(listening.wait_for(20s), std::future_status::ready);
    start_source(listening.get(), limit, false);
  }
  void start_source(int port, std::int64_t limit, bool adopt) {
    SourceSpec s;
    s.migration_uid = "m1";
    s.self = "s";
    s.target = "t";
    s.target_address = "127.0.0.1";
    s.target_port = port;
    s.credentials = credentials("s");
    s.directory = path("s.d");
    s.program = "/proc/self/exe";
    s.qemu_uid = ::geteuid() == 0 ? 107 : -1;
    s.bandwidth_limit = limit;
    s.adopt = adopt;
    source_port = port;
    source = std::make_unique<SourceDriver>(s, SourcePorts{qemu_s, api_s, net_s, sink},
                                            [this](const SourceOutcome& o) { source_end.set_value(o); });
  }
  SourceOutcome source_outcome() {
    auto f = source_end.get_future();
    EXPECT_EQ(f.wait_for(40s), std::future_status::ready);
    return f.wait_for(0s) == std::future_status::ready ? f.get() : SourceOutcome{};
  }
  TargetOutcome target_outcome() {
    auto f = target_end.get_future();
    EXPECT_EQ(f.wait_for(40s), std::future_status::ready);
    return f.wait_for(0s) == std::future_status::ready ? f.get() : TargetOutcome{};
  }
  bool state(const std::shared_ptr<MachinePort>& port, bool running) {
    const auto status = port->machine->status(soon());
    return status && status->running == running;
  }
  void expect_moved() {
    const auto s = source_outcome();
    const auto t = target_outcome();
    EXPECT_EQ(s.end, SourceOutcome::End::succeeded) << s.reason;
    EXPECT_EQ(t.end, TargetOutcome::End::running) << t.reason;
    EXPECT_TRUE(state(qemu_s, false));
    EXPECT_TRUE(state(qemu_t, true));
    EXPECT_EQ(api.ownership().node_name, "t");
    EXPECT_EQ(api.ownership().migration_uid, "");
    EXPECT_EQ(api.ownership().started_epoch, api.ownership().epoch);
    EXPECT_TRUE(net_t->attached);
    EXPECT_FALSE(net_s->attached);
    EXPECT_EQ(net_t->announced, 1);
    EXPECT_GT(s.summary.transferred_bytes, 0);
    std::cout << json::write(to_json(s.summary)) << "\n";
  }
  void expect_stayed(SourceOutcome::End end) {
    const auto s = source_outcome();
    EXPECT_EQ(s.end, end) << s.reason;
    EXPECT_FALSE(s.reason.empty());
    EXPECT_TRUE(state(qemu_s, true));
    EXPECT_TRUE(net_s->attached);
    EXPECT_EQ(api.ownership().node_name, "s");
    EXPECT_EQ(api.ownership().migration_uid, "");
    const auto t = target_outcome();
    EXPECT_TRUE(t.end == TargetOutcome::End::abandoned || t.end == TargetOutcome::End::given_back) << t.reason;
    EXPECT_FALSE(qemu_t->machine->alive());
  }

  std::optional<TemporaryDirectory> ground;
  Executing executing;
  FakeApi api;
  std::shared_ptr<FakeOwnership> api_s = std::make_shared<FakeOwnership>(api, "s");
  std::shared_ptr<FakeOwnership> api_t = std::make_shared<FakeOwnership>(api, "t");
  std::shared_ptr<FakeNetwork> net_s = std::make_shared<FakeNetwork>(true);
  std::shared_ptr<FakeNetwork> net_t = std::make_shared<FakeNetwork>(false);
  std::shared_ptr<FakeMarker> marker = std::make_shared<FakeMarker>();
  std::shared_ptr<CountingSink> sink = std::make_shared<CountingSink>();
  std::shared_ptr<MachinePort> qemu_s, qemu_t;
  int source_port = 0;
  std::promise<SourceOutcome> source_end;
  std::promise<TargetOutcome> target_end;
  Published<SourceDriver> source;
  Published<TargetDriver> target;
};

TEST_F(DriveTest, MovesTheGuest) {
  migrate();
  expect_moved();
  EXPECT_TRUE(source->before_switchover([] {}));
  EXPECT_TRUE(target->unpause_allowed());
}

TEST_F(DriveTest, TheAnswerToTheCommitIsLost) {
  api.inject(FakeApi::Fault::lose_answer, "t");
  migrate();
  expect_moved();
}

TEST_F(DriveTest, TheCommitItselfIsLostAndSentAgain) {
  api.inject(FakeApi::Fault::lose_request, "t");
  migrate();
  expect_moved();
}

TEST_F(DriveTest, TheCommitIsRefusedForGood) {
  api.inject(FakeApi::Fault::refuse, "t", 1000);
  migrate();
  expect_stayed(SourceOutcome::End::failed);
}

TEST_F(DriveTest, TheApiIsDownAtTheCommit) {
  qemu_s->hook = [this](const std::string& command) {
    if (command == "migrate-continue") api_s->down = true;
  };
  migrate();
  // Nothing has left the host: after a moment the guest goes on here. The mark is taken away when the API is back.
  const auto patience = Deadline::after(20s);
  while (!executing.runs("s") || net_s->announced == 0) {
    ASSERT_FALSE(patience.passed());
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_FALSE(executing.runs("t"));
  api_s->down = false;
  expect_stayed(SourceOutcome::End::failed);
}

TEST_F(DriveTest, TheApiIsDownBeforeTheSwitchOver) {
  qemu_s->hook = [this](const std::string& command) {
    if (command == "migrate") api_s->down = true;
  };
  migrate(300 << 10);
  std::this_thread::sleep_for(1500ms);
  const auto patience = Deadline::after(20s);
  while (!executing.runs("s")) {
    ASSERT_FALSE(patience.passed());
    std::this_thread::sleep_for(20ms);
  }
  std::this_thread::sleep_for(3s);
  api_s->down = false;
  EXPECT_FALSE(executing.runs("t"));
  expect_stayed(SourceOutcome::End::failed);
}

TEST_F(DriveTest, Cancel) {
  migrate(1 << 20);
  const auto patience = Deadline::after(20s);
  while (sink->reports == 0) {
    ASSERT_FALSE(patience.passed());
    std::this_thread::sleep_for(20ms);
  }
  source->cancel("the user wants it");
  expect_stayed(SourceOutcome::End::cancelled);
  EXPECT_GT(sink->total, 0);
}

TEST_F(DriveTest, TheTargetDiesWhileCopying) {
  migrate(1 << 20);
  const auto patience = Deadline::after(20s);
  while (sink->reports == 0) {
    ASSERT_FALSE(patience.passed());
    std::this_thread::sleep_for(20ms);
  }
  ASSERT_TRUE(qemu_t->machine->kill(soon()));
  expect_stayed(SourceOutcome::End::failed);
}

TEST_F(DriveTest, TheTargetDiesAfterTheCommit) {
  std::atomic<bool> killed{false};
  api.watch([&](const json::Value& vmi) {
    if (json::string_at(vmi, "/status/nodeName") == "t" && !killed.exchange(true)) (void)qemu_t->machine->kill(soon());
  });
  migrate();
  const auto t = target_outcome();
  // Killed before the marker: given back. The kill races with the marker; after it the guest is lost, by rule 4.
  if (t.end == TargetOutcome::End::given_back) {
    const auto s = source_outcome();
    EXPECT_EQ(s.end, SourceOutcome::End::failed) << s.reason;
    EXPECT_TRUE(state(qemu_s, true));
    EXPECT_TRUE(net_s->attached);
  } else {
    EXPECT_EQ(t.end, TargetOutcome::End::guest_lost);
    const auto release = rules::guarded_patch(api.ownership(), {rules::Transition::release, "t"});
    EXPECT_EQ(api_t->write(*release, soon()).outcome, Write::applied);
    EXPECT_EQ(source_outcome().end, SourceOutcome::End::superseded);
    EXPECT_TRUE(state(qemu_s, false));
  }
}

TEST_F(DriveTest, TheSourceDies) {
  migrate(1 << 20);
  const auto patience = Deadline::after(20s);
  while (sink->reports == 0) {
    ASSERT_FALSE(patience.passed());
    std::this_thread::sleep_for(20ms);
  }
  ASSERT_TRUE(qemu_s->machine->kill(soon()));
  EXPECT_EQ(source_outcome().end, SourceOutcome::End::guest_lost);
  EXPECT_EQ(target_outcome().end, TargetOutcome::End::abandoned);
}

TEST_F(DriveTest, TheSourcesAgentRestartsWhileCopying) {
  migrate(300 << 10);
  const auto patience = Deadline::after(20s);
  while (sink->reports == 0) {
    ASSERT_FALSE(patience.passed());
    std::this_thread::sleep_for(20ms);
  }
  source.reset();
  EXPECT_EQ(source_outcome().end, SourceOutcome::End::interrupted);
  source_end = {};
  start_source(source_port, 300 << 10, true);
  expect_moved();
}

}  // namespace
}  // namespace godwit::migrate
