// Real guests on a real cluster move while clients hold on to them.
#include <signal.h>

#include <fmt/format.h>

#include <thread>

#include "base/process.hpp"
#include "e2e/cluster_fixture.hpp"
#include "trial/disk_verifier.hpp"

namespace godwit {
namespace {

using namespace kube::resources;

std::string other_node(const std::string& node) { return node == "node-1" ? "node-2" : "node-1"; }

TEST_F(GuestTest, MovesThereAndBackWhileItsClientStaysConnected) {
  boot("mover");
  (void)tell("disk start 20");
  (void)tell("dirty 8 4");
  auto session = trial::Session::start(address_);
  ASSERT_TRUE(session) << session.error().message;
  const std::string home = node();
  for (const std::string& target : {other_node(home), home}) {
    const auto migration = begin_migration(target);
    ASSERT_TRUE(migration) << migration.error().message;
    const json::Value ended = wait_for_end(*migration);
    EXPECT_EQ(json::string_at(ended, "/status/phase"), "Succeeded") << json::write_pretty(ended);
    EXPECT_EQ(json::string_at(ended, "/status/migrationState/targetNode"), target);
    EXPECT_TRUE(json::bool_at(ended, "/status/migrationState/completed"));
    EXPECT_EQ(node(), target);
    EXPECT_TRUE(eventually([&] { return qemu_on(other_node(target)) == 0; })) << "the source's QEMU stays";
    const std::uint64_t answers = (*session)->answers();
    EXPECT_TRUE(eventually([&] { return (*session)->answers() > answers + 10 || (*session)->broken(); }));
    EXPECT_FALSE((*session)->broken()) << *(*session)->broken();
  }
  EXPECT_EQ(tell("dirty status").at("errors"), "0");
  const auto disk = tell("disk stop");
  const auto claim = client().get(persistent_volume_claims, {.ns = "default", .name = name_});
  const auto volume = client().get(persistent_volumes, {.ns = {}, .name = json::string_at(*claim, "/spec/volumeName")});
  const auto verified = trial::verify_disk(json::string_at(*volume, "/spec/hostPath/path") + "/disk.img",
                                           std::stoull(disk.at("run")), std::stoull(disk.at("flushed")));
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_TRUE(verified->intact());
  EXPECT_GT(verified->blocks, 0U);
  expect_guest_intact();
}

TEST_F(GuestTest, WithBridgeBindingItKeepsItsAddress) {
  boot("bridged", "bridge");
  auto session = trial::Session::start(address_);
  ASSERT_TRUE(session) << session.error().message;
  const auto migration = begin_migration();
  ASSERT_TRUE(migration) << migration.error().message;
  EXPECT_EQ(json::string_at(wait_for_end(*migration), "/status/phase"), "Succeeded");
  const std::uint64_t answers = (*session)->answers();
  EXPECT_TRUE(eventually([&] { return (*session)->answers() > answers + 10 || (*session)->broken(); }));
  EXPECT_FALSE((*session)->broken()) << *(*session)->broken();
  expect_guest_intact();
}

TEST_F(GuestTest, SessionsBetweenGuestsSurviveToo) {
  boot("inside");
  // The guest talks to its own gateway's far side: an echo server of another guest.
  const std::string first = name_;
  const std::string first_address = address_;
  const std::string first_run = run_;
  boot("peer");
  ASSERT_TRUE(trial::tell_guest(first_address, fmt::format("connect {} 7", address_),
                                Deadline::after(std::chrono::seconds{20})));
  const auto migration = begin_migration();
  ASSERT_TRUE(migration) << migration.error().message;
  EXPECT_EQ(json::string_at(wait_for_end(*migration), "/status/phase"), "Succeeded");
  const auto before = trial::tell_guest(first_address, "connect status", Deadline::after(std::chrono::seconds{20}));
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_TRUE(eventually([&] {
    const auto now = trial::tell_guest(first_address, "connect status", Deadline::after(std::chrono::seconds{20}));
    return now && now->at("state") == "open" && std::stoull(now->at("echoed")) > std::stoull(before->at("echoed"));
  }));
  (void)client().remove(virtual_machines, {.ns = "default", .name = first});
  (void)client().remove(persistent_volume_claims, {.ns = "default", .name = first});
}

TEST_F(GuestTest, CancelledBeforeTheCommitItStaysWhereItWas) {
  boot("cancelled");
  (void)tell("dirty 16 400");
  const std::string home = node();
  const auto migration = begin_migration();
  ASSERT_TRUE(migration) << migration.error().message;
  (void)client().remove(virtual_machine_instance_migrations, *migration);
  EXPECT_TRUE(eventually([&] { return !client().get(virtual_machine_instance_migrations, *migration); }))
      << "the migration stays";
  EXPECT_EQ(node(), home);
  EXPECT_TRUE(eventually([&] { return qemu_on(other_node(node())) == 0; }));
  EXPECT_EQ(tell("dirty stop").at("errors"), "0");
  expect_guest_intact();
}

TEST_F(GuestTest, ATargetThatDiesLeavesTheGuestAtItsSource) {
  boot("targetdies");
  (void)tell("dirty 16 400");
  const std::string home = node();
  const auto migration = begin_migration(other_node(home));
  ASSERT_TRUE(migration) << migration.error().message;
  int target = 0;
  ASSERT_TRUE(eventually([&] { return (target = qemu_on(other_node(home))) != 0; }));
  ::kill(target, SIGKILL);
  const json::Value ended = wait_for_end(*migration);
  EXPECT_EQ(json::string_at(ended, "/status/phase"), "Failed");
  EXPECT_EQ(node(), home);
  EXPECT_EQ(tell("dirty stop").at("errors"), "0");
  expect_guest_intact();
  const auto again = begin_migration();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(json::string_at(wait_for_end(*again), "/status/phase"), "Succeeded");
  expect_guest_intact();
}

TEST_F(GuestTest, OutlivesItsAgentAndTheServer) {
  boot("survivor");
  const std::string home = node();
  const int qemu = qemu_on(home);
  ASSERT_NE(qemu, 0);
  auto session = trial::Session::start(address_);
  for (const std::string& victim : {home, std::string{"server"}}) {
    const std::string pids = read_file(cluster().directory / "pids" / victim).value_or("");
    ::kill(std::stoi(pids), SIGKILL);
    ASSERT_TRUE(eventually([&] { return read_file(cluster().directory / "pids" / victim).value_or(pids) != pids; }))
        << victim << " was not started again";
  }
  ASSERT_TRUE(eventually([&] { return static_cast<bool>(client().call("GET", "/readyz")); }));
  EXPECT_EQ(qemu_on(home), qemu) << "the guest was started anew";
  EXPECT_EQ(json::string_at(vmi(), "/status/machine/type"), "pc-q35-10.0") << "an adopting agent forgot it";
  EXPECT_TRUE(eventually([&] {
    const auto migration = begin_migration();
    return migration && json::string_at(wait_for_end(*migration), "/status/phase") == "Succeeded";
  }));
  EXPECT_FALSE((*session)->broken()) << *(*session)->broken();
  expect_guest_intact();
}

TEST_F(GuestTest, RefusalsSayWhy) {
  boot("refused");
  const auto first = begin_migration();
  ASSERT_TRUE(first);
  const auto second = begin_migration();
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("in-flight migration detected"), std::string::npos) << second.error().message;
  (void)wait_for_end(*first);
  const auto missing = client().create(virtual_machine_instance_migrations, "default",
                                       *json::parse(R"({"metadata":{"name":"nobody"},"spec":{"vmiName":"nobody"}})"));
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find(R"(the VMI "default/nobody" does not exist)"), std::string::npos)
      << missing.error().message;
}

}  // namespace
}  // namespace godwit
