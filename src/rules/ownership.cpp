#include "rules/ownership.hpp"

#include <array>

#include <fmt/format.h>

namespace godwit::rules {
namespace {

constexpr std::string_view node_prefix = "system:node:";
constexpr std::string_view controller_user = "system:godwit-controller";

constexpr std::array all_transitions = {
    Transition::claim,         Transition::release, Transition::begin_migration,
    Transition::abort_attempt, Transition::commit,  Transition::started,
    Transition::give_back,     Transition::fence,   Transition::take_over_after_fence};

/// The report is the target's, about the attempt that is under way, and changes nothing else.
bool is_report_of_loading(const Ownership& before, const Ownership& after, const json::Value& vmi,
                          const std::string& node) {
  Ownership reported = before;
  reported.loaded_uid = before.migration_uid;
  return reported == after && !before.migration_uid.empty() && before.node_name != node &&
         json::string_at(vmi, "/status/migrationState/migrationUid") == before.migration_uid &&
         json::string_at(vmi, "/status/migrationState/targetNode") == node;
}

Failure refuse(const Ownership& before, const Change& change, std::string_view why) {
  return fail(
      Code::conflict,
      fmt::format("{} by node \"{}\" is not allowed: {} (owner \"{}\", epoch {}, migration \"{}\")",
                  name_of(change.transition), change.self, why, before.node_name, before.epoch, before.migration_uid));
}

/// Why the transition is not allowed from there; empty when it is.
std::string_view obstacle(const Ownership& o, const Change& c) {
  const bool owns = !c.self.empty() && o.node_name == c.self;
  const bool marked = !c.migration_uid.empty() && o.migration_uid == c.migration_uid;
  const bool other_peer = !c.peer.empty() && c.peer != c.self;
  switch (c.transition) {
    case Transition::claim:
      return c.self.empty() || (!o.node_name.empty() && !owns) ? "the guest has another owner" : "";
    case Transition::release: return owns ? "" : "the node is not the owner";
    case Transition::begin_migration:
      if (!owns) return "the node is not the owner";
      if (c.migration_uid.empty()) return "no migration is named";
      return o.migration_uid.empty() ? "" : "another attempt is under way";
    case Transition::abort_attempt:
      if (!owns) return "the node is not the owner";
      return marked ? "" : "this attempt is not under way";
    case Transition::commit:
      if (!owns) return "the node is not the owner";
      if (!other_peer) return "no target is named";
      return marked ? "" : "this attempt is not under way";
    case Transition::started:
      if (!owns) return "the node is not the owner";
      return marked ? "" : "this attempt is not under way";
    case Transition::give_back:
      if (!owns) return "the node is not the owner";
      if (!other_peer) return "no source is named";
      return marked ? "" : "this attempt is not under way";
    case Transition::fence: return o.node_name.empty() ? "the guest has no owner" : "";
    case Transition::take_over_after_fence:
      if (c.self.empty() || !o.node_name.empty()) return "the guest has an owner";
      return marked ? "" : "this attempt is not under way";
  }
  return "unknown transition";
}

json::Value operation(std::string_view op, std::string_view path, json::Value value) {
  json::Object object;
  object["op"] = op;
  object["path"] = path;
  object["value"] = std::move(value);
  return object;
}

json::Array guards_of(const Ownership& before) {
  json::Array operations;
  operations.push_back(operation("test", "/metadata/uid", json::Value(before.uid)));
  operations.push_back(operation("test", "/status/nodeName", json::Value(before.node_name)));
  operations.push_back(operation("test", "/status/handover/epoch", before.epoch));
  operations.push_back(operation("test", "/status/handover/migrationUID", json::Value(before.migration_uid)));
  return operations;
}

Failure forbid(std::string_view field, std::string message) {
  Error error{Code::forbidden, fmt::format("{}: {}", field, message), {}};
  error.causes.push_back({"FieldValueForbidden", std::move(message), std::string{field}});
  return fail(std::move(error));
}

bool is_whole(const json::Value* value) { return value != nullptr && (value->is_int64() || value->is_uint64()); }

bool has_ownership(const json::Value& vmi) {
  return json::find(vmi, "/status/handover") != nullptr || !json::string_at(vmi, "/status/nodeName").empty();
}

Result<> check_first_write(const json::Value& after, const std::string& user) {
  if (!has_ownership(after)) return {};
  const auto now = read_ownership(after);
  const Ownership initial{.uid = now ? now->uid : "",
                          .node_name = "",
                          .epoch = 0,
                          .migration_uid = "",
                          .started_epoch = 0,
                          .loaded_uid = ""};
  if (user != controller_user) return forbid("status.handover", "is written first by the controllers");
  if (!now || *now != initial) return forbid("status.handover", "must begin with no owner and epoch 0");
  return {};
}

/// The migration that the controllers have set up names the parties of an attempt.
Result<> check_parties(const json::Value& vmi, const Change& change) {
  const bool self_is_target =
      change.transition == Transition::give_back || change.transition == Transition::take_over_after_fence;
  const auto source = json::string_at(vmi, "/status/migrationState/sourceNode");
  const auto target = json::string_at(vmi, "/status/migrationState/targetNode");
  if (json::string_at(vmi, "/status/migrationState/migrationUid") != change.migration_uid)
    return forbid("status.handover.migrationUID", "is not the migration in status.migrationState");
  if ((self_is_target ? target : source) != change.self)
    return forbid("status.nodeName", fmt::format("node \"{}\" is not that party of the migration", change.self));
  if (!change.peer.empty() && (self_is_target ? source : target) != change.peer)
    return forbid("status.nodeName", fmt::format("node \"{}\" is not that party of the migration", change.peer));
  return {};
}

Result<> check_context(const json::Value& after, const Change& change) {
  switch (change.transition) {
    case Transition::claim:
      if (json::find(after, "/metadata/deletionTimestamp") != nullptr)
        return forbid("status.nodeName", "the VMI is being deleted");
      return {};
    case Transition::begin_migration:
    case Transition::commit:
    case Transition::give_back:
    case Transition::take_over_after_fence: return check_parties(after, change);
    default: return {};
  }
}

}  // namespace

std::string_view name_of(Transition transition) {
  switch (transition) {
    case Transition::claim: return "claim";
    case Transition::release: return "release";
    case Transition::begin_migration: return "begin_migration";
    case Transition::abort_attempt: return "abort_attempt";
    case Transition::commit: return "commit";
    case Transition::started: return "started";
    case Transition::give_back: return "give_back";
    case Transition::fence: return "fence";
    case Transition::take_over_after_fence: return "take_over_after_fence";
  }
  return "unknown";
}

Result<Ownership> read_ownership(const json::Value& vmi) {
  const auto* handover = json::find(vmi, "/status/handover");
  const auto* node = json::find(vmi, "/status/nodeName");
  if (handover == nullptr || !handover->is_object() || node == nullptr || !node->is_string())
    return fail(Code::conflict, "the VMI has no status.nodeName and status.handover yet");
  const auto* uid = json::find(*handover, "/migrationUID");
  if (!is_whole(json::find(*handover, "/epoch")) || !is_whole(json::find(*handover, "/startedEpoch")) ||
      uid == nullptr || !uid->is_string())
    return fail(Code::conflict, "the VMI's status.handover is not whole");
  return Ownership{.uid = json::string_at(vmi, "/metadata/uid"),
                   .node_name = json::string_at(vmi, "/status/nodeName"),
                   .epoch = json::int_at(vmi, "/status/handover/epoch"),
                   .migration_uid = json::string_at(vmi, "/status/handover/migrationUID"),
                   .started_epoch = json::int_at(vmi, "/status/handover/startedEpoch"),
                   .loaded_uid = json::string_at(vmi, "/status/handover/loadedMigrationUID")};
}

json::Value initial_status() {
  json::Value status = json::Object{};
  json::set(status, "/phase", "Pending");
  json::set(status, "/nodeName", "");
  json::set(status, "/handover/epoch", 0);
  json::set(status, "/handover/migrationUID", "");
  json::set(status, "/handover/startedEpoch", 0);
  return status;
}

Result<Ownership> apply(const Ownership& before, const Change& change) {
  if (const auto why = obstacle(before, change); !why.empty()) return refuse(before, change, why);
  Ownership after = before;
  after.epoch = before.epoch + 1;
  switch (change.transition) {
    case Transition::claim:
      after.node_name = change.self;
      after.migration_uid.clear();
      after.started_epoch = after.epoch;
      break;
    case Transition::release:
      after.node_name.clear();
      after.migration_uid.clear();
      break;
    case Transition::begin_migration: after.migration_uid = change.migration_uid; break;
    case Transition::abort_attempt: after.migration_uid.clear(); break;
    case Transition::commit: after.node_name = change.peer; break;
    case Transition::started:
      after.migration_uid.clear();
      after.started_epoch = after.epoch;
      break;
    case Transition::give_back:
      after.node_name = change.peer;
      after.migration_uid.clear();
      break;
    case Transition::fence: after.node_name.clear(); break;
    case Transition::take_over_after_fence: after.node_name = change.self; break;
  }
  return after;
}

Result<json::Value> guarded_patch(const Ownership& before, const Change& change, const json::Array& extra) {
  const auto after = apply(before, change);
  if (!after) return fail(after.error());
  json::Array operations = guards_of(before);
  operations.push_back(operation("replace", "/status/nodeName", json::Value(after->node_name)));
  operations.push_back(operation("replace", "/status/handover/epoch", after->epoch));
  operations.push_back(operation("replace", "/status/handover/migrationUID", json::Value(after->migration_uid)));
  operations.push_back(operation("add", "/status/handover/startedEpoch", after->started_epoch));
  for (const auto& more : extra) operations.push_back(more);
  return json::Value(std::move(operations));
}

json::Value report_loaded_patch(const Ownership& before) {
  json::Array operations = guards_of(before);
  operations.push_back(operation("add", "/status/handover/loadedMigrationUID", json::Value(before.migration_uid)));
  return operations;
}

std::optional<std::string> node_of_user(std::string_view user) {
  if (!user.starts_with(node_prefix) || user.size() == node_prefix.size()) return std::nullopt;
  return std::string{user.substr(node_prefix.size())};
}

Result<> check_ownership_change(const json::Value& before, const json::Value& after, const std::string& user) {
  if (before.is_null() || !has_ownership(before)) return check_first_write(after, user);
  const auto was = read_ownership(before);
  const auto now = read_ownership(after);
  if (!was) return fail(was.error());
  if (!now) return forbid("status.handover", "must not be removed");
  if (*was == *now) return {};
  const auto node = node_of_user(user);
  if (!node) return forbid("status.handover", "is changed by the agents of the nodes concerned only");
  if (is_report_of_loading(*was, *now, after, *node)) return {};
  Result<> refusal;
  for (const auto transition : all_transitions) {
    if (transition == Transition::fence) continue;  // not a node's: who confirms fences is not built yet
    Change change{transition, *node, {}, was->migration_uid};
    if (transition == Transition::begin_migration) change.migration_uid = now->migration_uid;
    if (transition == Transition::commit || transition == Transition::give_back) change.peer = now->node_name;
    const auto legal = apply(*was, change);
    if (!legal || *legal != *now) continue;
    // Several may look alike: "started" as a claim anew. One that is allowed suffices.
    if (refusal = check_context(after, change); refusal) return {};
  }
  if (!refusal) return refusal;
  return forbid("status.handover", fmt::format("node \"{}\" may not make this change of the owner", *node));
}

}  // namespace godwit::rules
