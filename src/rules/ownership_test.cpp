#include "rules/ownership.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "json/patch.hpp"

namespace godwit::rules {
namespace {

constexpr std::array transitions = {Transition::claim,         Transition::release, Transition::begin_migration,
                                    Transition::abort_attempt, Transition::commit,  Transition::started,
                                    Transition::give_back,     Transition::fence,   Transition::take_over_after_fence};
const std::array<std::string, 3> nodes = {"", "s", "t"};
const std::array<std::string, 3> migrations = {"", "m1", "m2"};

json::Value vmi(const Ownership& o, const std::string& migration = "m1") {
  json::Value value = json::Object{};
  json::set(value, "/metadata/uid", json::Value(o.uid));
  json::set(value, "/status/nodeName", json::Value(o.node_name));
  json::set(value, "/status/handover/epoch", o.epoch);
  json::set(value, "/status/handover/migrationUID", json::Value(o.migration_uid));
  json::set(value, "/status/handover/startedEpoch", o.started_epoch);
  if (!o.loaded_uid.empty()) json::set(value, "/status/handover/loadedMigrationUID", json::Value(o.loaded_uid));
  json::set(value, "/status/migrationState/migrationUid", json::Value(migration));
  json::set(value, "/status/migrationState/sourceNode", "s");
  json::set(value, "/status/migrationState/targetNode", "t");
  return value;
}

template <class F>
void for_every_state(F&& f) {
  for (const auto& node : nodes)
    for (const auto& migration : migrations)
      for (std::int64_t epoch = 0; epoch < 3; ++epoch)
        for (std::int64_t started = 0; started <= epoch; ++started) f(Ownership{"u", node, epoch, migration, started});
}

template <class F>
void for_every_change(F&& f) {
  for (const auto t : transitions)
    for (const auto& self : nodes)
      for (const auto& peer : nodes)
        for (const auto& migration : migrations) f(Change{t, self, peer, migration});
}

// Every allowed transition raises the epoch by one, and its patch does exactly what apply() says.
TEST(Ownership, PatchAndApplyAgreeEverywhere) {
  int allowed = 0;
  for_every_state([&](const Ownership& before) {
    for_every_change([&](const Change& change) {
      const auto after = apply(before, change);
      const auto patch = guarded_patch(before, change);
      ASSERT_EQ(after.has_value(), patch.has_value());
      if (!after) {
        EXPECT_EQ(after.error().code, Code::conflict);
        return;
      }
      ++allowed;
      EXPECT_EQ(after->epoch, before.epoch + 1);
      EXPECT_EQ(after->uid, before.uid);
      const auto patched = json::json_patch(vmi(before), *patch);
      ASSERT_TRUE(patched) << patched.error().message;
      EXPECT_EQ(*read_ownership(*patched), *after);
    });
  });
  EXPECT_GT(allowed, 100);
}

// The guard: a patch built on one state applies on no other.
TEST(Ownership, PatchAppliesOnlyWhereItWasBuilt) {
  const Ownership before{"u", "s", 1, "m1", 0};
  const auto patch = guarded_patch(before, {Transition::commit, "s", "t", "m1"});
  ASSERT_TRUE(patch);
  for_every_state([&](const Ownership& other) {
    const bool same = other.node_name == "s" && other.epoch == 1 && other.migration_uid == "m1";
    const auto patched = json::json_patch(vmi(other), *patch);
    EXPECT_EQ(patched.has_value(), same);
    if (!patched) EXPECT_EQ(patched.error().code, Code::invalid);
  });
  auto reborn = before;
  reborn.uid = "u2";
  EXPECT_FALSE(json::json_patch(vmi(reborn), *patch));
}

TEST(Ownership, ExtraOperationsTravelInTheSameWrite) {
  json::Object phase;
  phase["op"] = "add";
  phase["path"] = "/status/phase";
  phase["value"] = "Running";
  const Ownership before{"u", "t", 3, "m1", 1};
  const auto patch = guarded_patch(before, {Transition::started, "t", {}, "m1"}, json::Array({json::Value(phase)}));
  ASSERT_TRUE(patch);
  const auto after = json::json_patch(vmi(before), *patch);
  ASSERT_TRUE(after);
  EXPECT_EQ(json::string_at(*after, "/status/phase"), "Running");
  EXPECT_EQ(read_ownership(*after)->started_epoch, 4);
}

// Two writers at one state: whichever patch comes second is refused, whatever both are.
TEST(Ownership, OfTwoWritesFromOneStateOneApplies) {
  for_every_state([&](const Ownership& before) {
    for_every_change([&](const Change& first) {
      const auto after = apply(before, first);
      if (!after) return;
      const auto late = guarded_patch(before, first);
      EXPECT_FALSE(json::json_patch(vmi(*after), *late));
    });
  });
}

// Admission allows a node exactly what apply() allows to that node in its part, and nobody else anything.
TEST(Ownership, AdmissionOverEveryPairOfStates) {
  int allowed = 0;
  for_every_state([&](const Ownership& before) {
    for_every_state([&](const Ownership& after) {
      if (before == after) {
        EXPECT_TRUE(check_ownership_change(vmi(before), vmi(after), "anybody"));
        return;
      }
      for (const std::string user : {"system:node:s", "system:node:t", "system:node:x"}) {
        const auto self = user.substr(12);
        bool expected = false;
        for_every_change([&](const Change& c) {
          if (c.self != self || c.transition == Transition::fence) return;
          const auto legal = apply(before, c);
          if (!legal || *legal != after) return;
          const bool party = c.migration_uid == "m1";
          switch (c.transition) {
            case Transition::begin_migration: expected |= party && self == "s"; break;
            case Transition::commit: expected |= party && self == "s" && c.peer == "t"; break;
            case Transition::give_back: expected |= party && self == "t" && c.peer == "s"; break;
            case Transition::take_over_after_fence: expected |= party && self == "t"; break;
            default: expected = true;
          }
        });
        EXPECT_EQ(check_ownership_change(vmi(before), vmi(after), user).has_value(), expected)
            << user << " " << json::write(vmi(before)) << " -> " << json::write(vmi(after));
        allowed += expected ? 1 : 0;
      }
      for (const std::string user : {"godwit-admin", "system:godwit-controller", "system:node:", ""})
        EXPECT_FALSE(check_ownership_change(vmi(before), vmi(after), user));
    });
  });
  EXPECT_GT(allowed, 20);
}

TEST(Ownership, TheTargetReportsThatItHasEverything) {
  const Ownership before{"u", "s", 4, "m1", 1};
  const auto patch = report_loaded_patch(before);
  const auto after = json::json_patch(vmi(before), patch);
  ASSERT_TRUE(after);
  EXPECT_EQ(read_ownership(*after)->loaded_uid, "m1");
  EXPECT_EQ(read_ownership(*after)->epoch, 4);
  EXPECT_TRUE(check_ownership_change(vmi(before), *after, "system:node:t"));
  for (const std::string user : {"system:node:s", "system:node:x", "godwit-admin", "system:godwit-controller"})
    EXPECT_FALSE(check_ownership_change(vmi(before), *after, user));
  // A commit on its way, built on what was before, applies nevertheless, and the report stays.
  const auto committed = json::json_patch(*after, *guarded_patch(before, {Transition::commit, "s", "t", "m1"}));
  ASSERT_TRUE(committed);
  EXPECT_EQ(read_ownership(*committed)->loaded_uid, "m1");
  EXPECT_TRUE(check_ownership_change(*after, *committed, "system:node:s"));
  // Of another attempt, after the commit, or together with something else: not.
  EXPECT_FALSE(json::json_patch(vmi({"u", "s", 5, "", 1}), patch));
  EXPECT_FALSE(json::json_patch(vmi({"u", "t", 5, "m1", 1}), patch));
  EXPECT_FALSE(check_ownership_change(vmi(before, "m2"), *json::json_patch(vmi(before, "m2"), patch), "system:node:t"));
  EXPECT_FALSE(check_ownership_change(vmi(before), vmi({"u", "s", 5, "m1", 1, "m1"}), "system:node:t"));
}

// A guest that was deleted in the middle of its hand-over is stopped by the target, which must be able to finish first.
TEST(Ownership, ATargetMayStartWhatIsBeingDeleted) {
  const auto deleting = [](json::Value value) {
    json::set(value, "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z");
    return value;
  };
  EXPECT_TRUE(check_ownership_change(deleting(vmi({"u", "t", 3, "m1", 1})), deleting(vmi({"u", "t", 4, "", 4})),
                                     "system:node:t"));
  EXPECT_FALSE(
      check_ownership_change(deleting(vmi({"u", "", 3, "", 1})), deleting(vmi({"u", "t", 4, "", 4})), "system:node:t"));
}

TEST(Ownership, FirstWriteIsTheControllersAndInitial) {
  json::Value bare = json::Object{};
  json::set(bare, "/metadata/uid", "u");
  EXPECT_TRUE(check_ownership_change(json::Value(nullptr), bare, "godwit-admin"));
  EXPECT_TRUE(check_ownership_change(bare, bare, "godwit-admin"));
  json::Value first = bare;
  json::set(first, "/status", initial_status());
  EXPECT_TRUE(check_ownership_change(bare, first, "system:godwit-controller"));
  EXPECT_FALSE(check_ownership_change(bare, first, "godwit-admin"));
  EXPECT_FALSE(check_ownership_change(json::Value(nullptr), first, "system:node:s"));
  json::set(first, "/status/nodeName", "s");
  EXPECT_FALSE(check_ownership_change(bare, first, "system:godwit-controller"));
}

TEST(Ownership, FieldsAreNotRemovedOrMaimed) {
  const auto before = vmi({"u", "s", 0, "", 0});
  for (const char* path : {"/status", "/status/handover", "/status/nodeName", "/status/handover/epoch"}) {
    auto after = before;
    ASSERT_TRUE(json::erase(after, path));
    EXPECT_FALSE(check_ownership_change(before, after, "godwit-admin")) << path;
    EXPECT_FALSE(check_ownership_change(before, after, "system:node:s")) << path;
  }
}

TEST(Ownership, ADyingVmiIsNotClaimed) {
  const auto before = vmi({"u", "", 0, "", 0});
  auto after = vmi({"u", "t", 1, "", 1});
  EXPECT_TRUE(check_ownership_change(before, after, "system:node:t"));
  json::set(after, "/metadata/deletionTimestamp", "2026-11-01T10:00:00Z");
  EXPECT_FALSE(check_ownership_change(before, after, "system:node:t"));
}

}  // namespace
}  // namespace godwit::rules
