// A machine's life: what the guest does to itself, what its users ask of it, and what the run strategy makes of both.
#include <signal.h>

#include <fmt/format.h>

#include "e2e/cluster_fixture.hpp"
#include "rules/objects.hpp"

namespace godwit {
namespace {

using namespace kube::resources;

class LifecycleTest : public GuestTest {
 protected:
  [[nodiscard]] Result<std::string> put(const std::string& resource, const std::string& verb,
                                        const std::string& body = "{}") const {
    return client().call(
        "PUT", fmt::format("/apis/subresources.kubevirt.io/v1/namespaces/default/{}/{}/{}", resource, name_, verb),
        body);
  }
  void ask(const std::string& verb) const {
    const auto done = put("virtualmachineinstances", verb);
    EXPECT_TRUE(done) << verb << ": " << done.error().message;
  }
  [[nodiscard]] json::Value vm() const {
    return client().get(virtual_machines, {.ns = "default", .name = name_}).value_or(json::Value(json::Object{}));
  }
  [[nodiscard]] std::string printable() const { return json::string_at(vm(), "/status/printableStatus"); }
  [[nodiscard]] std::string uid() const { return rules::uid_of(vmi()); }
  void set_strategy(const std::string& strategy) const {
    ASSERT_TRUE(client().patch(virtual_machines, {.ns = "default", .name = name_}, kube::PatchType::merge,
                               json::Object{{"spec", json::Object{{"runStrategy", strategy}}}}));
  }
  /// The guest runs anew, in another instance.
  void wait_for_successor(const std::string& earlier) {
    ASSERT_TRUE(eventually([&] {
      const auto now = vmi();
      return !rules::uid_of(now).empty() && rules::uid_of(now) != earlier && rules::phase_of(now) == "Running";
    })) << printable();
    address_ = json::string_at(vmi(), "/status/interfaces/0/ipAddress");
    const auto answers = trial::wait_for_guest(address_, Deadline::after(std::chrono::seconds{90}));
    ASSERT_TRUE(answers) << answers.error().message;
    run_ = tell("heartbeat")["run"];
  }
  /// Of the guest's memory, without waiting for the guest to be fast: does its counter rise?
  [[nodiscard]] bool answers() const {
    return trial::tell_guest(address_, "ping", Deadline::after(std::chrono::milliseconds{700})).has_value();
  }
  void kill_agent(const std::string& of_node) const {
    const std::string pids = read_file(cluster().directory / "pids" / of_node).value_or("");
    ::kill(std::stoi(pids), SIGKILL);
    ASSERT_TRUE(eventually([&] { return read_file(cluster().directory / "pids" / of_node).value_or(pids) != pids; }));
  }
};

TEST_F(LifecycleTest, WhatTheGuestDoesToItself) {
  boot("inward");
  const std::string first = uid();
  const int qemu = qemu_on(node());

  // A reboot from inside is the guest's own affair.
  (void)tell("power reboot");
  ASSERT_TRUE(eventually([&] {
    const auto now = trial::tell_guest(address_, "heartbeat", Deadline::after(std::chrono::seconds{1}));
    return now && now->at("run") != run_;
  }));
  run_ = tell("heartbeat")["run"];
  EXPECT_EQ(uid(), first);
  EXPECT_EQ(qemu_on(node()), qemu);

  // A soft reboot asks the guest, and keeps the QEMU too.
  ask("softreboot");
  ASSERT_TRUE(eventually([&] {
    const auto now = trial::tell_guest(address_, "heartbeat", Deadline::after(std::chrono::seconds{1}));
    return now && now->at("run") != run_;
  }));
  EXPECT_EQ(uid(), first);
  EXPECT_EQ(qemu_on(node()), qemu);

  // Always: a guest that switches itself off is started again.
  (void)tell("power off");
  wait_for_successor(first);

  // RerunOnFailure: it stays off, unless it crashed.
  set_strategy("RerunOnFailure");
  const std::string second = uid();
  (void)tell("power panic");
  wait_for_successor(second);
  const std::string third = uid();
  ::kill(qemu_on(node()), SIGKILL);
  wait_for_successor(third);
  (void)tell("power off");
  EXPECT_TRUE(eventually([&] { return rules::phase_of(vmi()) == "Succeeded" && printable() == "Stopped"; }))
      << printable();
  EXPECT_EQ(qemu_on(node()), 0);
}

TEST_F(LifecycleTest, APausedGuestStaysPausedWhateverHappens) {
  boot("still");
  const std::string home = node();
  const std::string there = home == "node-1" ? "node-2" : "node-1";
  ask("pause");
  EXPECT_TRUE(eventually([&] { return printable() == "Paused"; }));
  EXPECT_EQ(json::string_at(*rules::condition_of(vmi(), "Paused"), "/reason"), "PausedByUser");
  EXPECT_FALSE(answers());

  kill_agent(home);
  EXPECT_FALSE(answers());
  json::Value ended;
  ASSERT_TRUE(eventually([&] {
    const auto migration = begin_migration(there);
    if (!migration) return false;
    ended = wait_for_end(*migration);
    return true;
  }));
  EXPECT_EQ(json::string_at(ended, "/status/phase"), "Succeeded") << json::write_pretty(ended);
  EXPECT_EQ(node(), there);
  EXPECT_EQ(rules::condition_status(vmi(), "Paused"), "True");
  EXPECT_FALSE(answers());
  kill_agent(there);
  EXPECT_FALSE(answers());

  ASSERT_TRUE(eventually([&] { return put("virtualmachineinstances", "unpause").has_value(); }));
  EXPECT_TRUE(eventually([&] { return printable() == "Running"; })) << printable();
  expect_guest_intact();
}

TEST_F(LifecycleTest, StartsPausedRestartsAndIsStoppedAtOnce) {
  boot("outward");
  const std::string first = uid();
  ASSERT_TRUE(put("virtualmachines", "restart"));
  wait_for_successor(first);
  const Instant before = std::chrono::steady_clock::now();
  ASSERT_TRUE(put("virtualmachines", "stop", R"({"gracePeriod":0})"));
  EXPECT_TRUE(eventually([&] { return printable() == "Stopped"; }));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{30});
  ASSERT_TRUE(put("virtualmachines", "start", R"({"paused":true})"));
  EXPECT_TRUE(eventually([&] { return printable() == "Paused"; })) << printable();
  EXPECT_EQ(json::string_at(vm(), "/spec/runStrategy"), "Always");
  address_ = json::string_at(vmi(), "/status/interfaces/0/ipAddress");
  EXPECT_FALSE(answers());
  kill_agent(node());
  EXPECT_FALSE(answers());
  ASSERT_TRUE(eventually([&] { return put("virtualmachineinstances", "unpause").has_value(); }));
  EXPECT_TRUE(trial::wait_for_guest(address_, Deadline::after(std::chrono::seconds{90})));
}

}  // namespace
}  // namespace godwit
