#include "rules/migration_phase.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"
#include "rules/objects.hpp"

namespace godwit::rules {
namespace {

constexpr std::array started_phases = {"Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running"};
constexpr std::int64_t unschedulable_seconds = 300;
constexpr std::int64_t pending_seconds = 900;

/// Everything the rules ask, read once.
struct Facts {
  explicit Facts(const MigrationView& view) : vmim{*view.vmim}, vmi{view.vmi}, pod{view.target_pod}, now{view.now} {
    uid = uid_of(vmim);
    phase = phase_of(vmim);
    had_pod = is_running_migration(vmim);
    passed_on = phase == "PreparingTarget" || phase == "TargetReady" || phase == "Running";
    if (vmi == nullptr) return;
    state = json::find(*vmi, "/status/migrationState");
    mine = is_handed_off(*vmi, uid);
    completed = mine && json::bool_at(*state, "/completed");
    const bool begun = mine && json::find(*state, "/startTimestamp") != nullptr;
    under_way = json::string_at(*vmi, "/status/handover/migrationUID") == uid || (begun && !completed);
    failed = mine && json::bool_at(*state, "/failed");
  }
  const json::Value& vmim;
  const json::Value* vmi;
  const json::Value* pod;
  WallTime now;
  std::string uid;
  std::string phase;
  bool had_pod = false;
  bool passed_on = false;  ///< by its own phase
  const json::Value* state = nullptr;
  bool mine = false;
  bool under_way = false;  ///< the source's agent has begun: the agents will report an end
  bool completed = false;
  bool failed = false;
};

MigrationStep fail_with(const Facts& facts, std::string message) {
  MigrationStep step;
  step.phase = "Failed";
  step.notes.push_back({true, "FailedMigration", std::move(message)});
  // An attempt that is under way has its target ended by the agents.
  step.delete_target_pod =
      facts.pod != nullptr && !is_final(*facts.pod) && !is_deleting(*facts.pod) && !facts.under_way;
  return step;
}

/// The pod is lost after the hand-off, and no source has begun: nobody else will say so.
MigrationStep end_it(const Facts& facts, std::string message) {
  auto step = fail_with(facts, std::move(message));
  step.end_attempt = true;
  return step;
}

std::optional<MigrationStep> check_target_pod(const Facts& facts) {
  const bool down = facts.pod != nullptr && is_final(*facts.pod);
  const bool gone = facts.pod == nullptr && facts.had_pod;
  if ((!down && !gone) || facts.under_way || facts.completed) return std::nullopt;
  const std::string message = down ? "Migration failed because target pod shutdown during migration"
                                   : "Migration target pod was removed during active migration.";
  return facts.mine ? end_it(facts, message) : fail_with(facts, message);
}

MigrationStep abort_step(const Facts& facts) {
  MigrationStep step;
  step.note_abort = condition_status(facts.vmim, "migrationAbortRequested").empty();
  if (json::bool_at(*facts.state, "/abortRequested")) return step;
  step.request_abort = true;
  step.end_attempt = !facts.under_way && json::find(*facts.state, "/startTimestamp") == nullptr;
  return step;
}

/// The checks of every reconcile, in KubeVirt's order.
std::optional<MigrationStep> check_failures(const Facts& facts) {
  if (facts.vmi == nullptr) return fail_with(facts, "Migration failed because vmi does not exist.");
  if (facts.completed && !facts.failed) return std::nullopt;  // the guest runs on the target: nothing can fail it now
  if (is_final(*facts.vmi)) return fail_with(facts, "Migration failed vmi shutdown during migration.");
  if (is_deleting(facts.vmim) && !facts.mine && !facts.passed_on) {
    auto step = fail_with(facts, "Migration failed due to being canceled");
    step.note_abort = true;
    return step;
  }
  if (auto step = check_target_pod(facts)) return step;
  if (facts.passed_on && facts.state == nullptr) {
    return fail_with(facts, "VMI's migration state was cleared during the active migration.");
  }
  if (facts.passed_on && !facts.mine) {
    return fail_with(facts, "VMI's migration state was taken over by another migration job during active migration.");
  }
  if (facts.failed) {
    const auto why = json::string_at(*facts.state, "/failureReason");
    return fail_with(facts, why.empty() ? "source node reported migration failed"
                                        : fmt::format("source node reported migration failed: {}", why));
  }
  if (is_deleting(facts.vmim) && facts.mine) {
    auto step = abort_step(facts);
    if (!step.nothing()) return step;
  }
  return std::nullopt;
}

MigrationStep to(std::string phase) {
  MigrationStep step;
  step.phase = std::move(phase);
  return step;
}

MigrationStep from_new(const Facts& facts) {
  const bool taken = facts.state != nullptr && !facts.mine && !json::string_at(*facts.state, "/migrationUid").empty() &&
                     !json::bool_at(*facts.state, "/completed") && !json::bool_at(*facts.state, "/failed");
  if (taken) {
    return fail_with(facts, "VMI is not eligible for migration because another migration job is in progress.");
  }
  return to("Pending");
}

MigrationStep from_pending(const Facts& facts, bool slot_free) {
  MigrationStep step;
  const bool ended_before = json::string_at(*facts.vmi, "/status/handover/migrationUID").empty();
  if (phase_of(*facts.vmi) != "Running" || !ended_before || is_deleting(*facts.vmi)) return step;
  if (facts.pod != nullptr) return to("Scheduling");
  if (!slot_free) {
    step.wait_for_slot = true;
    return step;
  }
  step = to("Scheduling");
  step.create_target_pod = true;
  return step;
}

bool compute_runs(const json::Value& pod) {
  if (phase_of(pod) != "Running" || is_deleting(pod)) return false;
  for (const auto& container : json::array_at(pod, "/status/containerStatuses")) {
    if (json::string_at(container, "/name") == "compute") return json::find(container, "/state/running") != nullptr;
  }
  return false;
}

/// What the scheduler says of the target pod, to be put behind KubeVirt's words.
std::string why_unscheduled(const Facts& facts, std::string_view link) {
  const auto* scheduled = condition_of(*facts.pod, "PodScheduled");
  const auto why = scheduled == nullptr ? std::string{} : json::string_at(*scheduled, "/message");
  return why.empty() ? why : std::string{link} + why;
}

MigrationStep time_out(const Facts& facts, std::string_view kind) {
  auto step = fail_with(facts, fmt::format("{} pod {}/{} timeout period exceeded{}", kind,
                                           json::string_at(*facts.pod, "/metadata/namespace"),
                                           name_of_object(*facts.pod), why_unscheduled(facts, ": ")));
  step.delete_target_pod = true;
  return step;
}

std::int64_t limit_of(const Facts& facts, std::string_view annotation, std::int64_t fallback) {
  return parse_number<std::int64_t>(annotation_of(facts.vmim, annotation)).value_or(fallback);
}

MigrationStep from_scheduling(const Facts& facts) {
  if (compute_runs(*facts.pod)) return to("Scheduled");
  MigrationStep step;
  if (phase_of(*facts.pod) != "Pending" && !phase_of(*facts.pod).empty()) return step;
  const auto created = parse_time(json::string_at(*facts.pod, "/metadata/creationTimestamp"));
  if (!created) return step;
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(facts.now - *created).count();
  const auto* scheduled = condition_of(*facts.pod, "PodScheduled");
  const bool unschedulable = scheduled != nullptr && json::string_at(*scheduled, "/status") == "False" &&
                             json::string_at(*scheduled, "/reason") == "Unschedulable";
  const auto longest = limit_of(facts, "kubevirt.io/migrationPendingPodTimeoutSeconds", pending_seconds);
  const auto unfit = limit_of(facts, "kubevirt.io/migrationUnschedulablePodTimeoutSeconds", unschedulable_seconds);
  if (unschedulable && age >= unfit) return time_out(facts, "unschedulable");
  if (age >= longest) return time_out(facts, "pending");
  step.look_again = std::chrono::seconds{std::max<std::int64_t>(1, (unschedulable ? unfit : longest) - age)};
  if (unschedulable) {
    step.notes.push_back({true, "migrationTargetPodUnschedulable",
                          fmt::format("Migration target pod for VMI [{}/{}] is currently unschedulable.{}",
                                      json::string_at(*facts.vmi, "/metadata/namespace"), name_of_object(*facts.vmi),
                                      why_unscheduled(facts, " "))});
  }
  return step;
}

MigrationStep from_scheduled(const Facts& facts) {
  auto step = to("PreparingTarget");
  if (facts.mine) return step;
  step.hand_off = true;
  step.notes.push_back(
      {false, "SuccessfulHandOver", "Migration target pod is ready for preparation by the target node."});
  return step;
}

MigrationStep succeed() {
  auto step = to("Succeeded");
  step.notes.push_back({false, "SuccessfulMigration", "Source node reported migration succeeded"});
  return step;
}

}  // namespace

bool MigrationStep::nothing() const {
  return phase.empty() && !create_target_pod && !hand_off && !request_abort && !end_attempt && !delete_target_pod &&
         !note_abort && !remove_finalizer && !delete_migration;
}

bool is_running_migration(const json::Value& vmim) {
  const auto phase = phase_of(vmim);
  return std::any_of(started_phases.begin(), started_phases.end(), [&](const char* p) { return phase == p; });
}

bool is_handed_off(const json::Value& vmi, const std::string& vmim_uid) {
  return !vmim_uid.empty() && json::string_at(vmi, "/status/migrationState/migrationUid") == vmim_uid;
}

MigrationStep next_step(const MigrationView& view) {
  const Facts facts{view};
  if (is_final(facts.vmim)) {
    MigrationStep step;
    step.remove_finalizer = has_finalizer(facts.vmim, migration_finalizer);
    step.delete_migration = facts.vmi == nullptr && !is_deleting(facts.vmim);
    return step;
  }
  if (auto step = check_failures(facts)) return *std::move(step);
  if (facts.phase.empty()) return from_new(facts);
  if (facts.phase == "Pending") return from_pending(facts, view.slot_free);
  if (facts.phase == "Scheduling" && facts.pod != nullptr) return from_scheduling(facts);
  if (facts.phase == "Scheduled" && facts.pod != nullptr) return from_scheduled(facts);
  if (!facts.passed_on) return {};
  const bool addressed = facts.completed || !json::string_at(*facts.state, "/targetNodeAddress").empty();
  const bool begun = facts.completed || json::find(*facts.state, "/startTimestamp") != nullptr;
  if (facts.phase == "PreparingTarget" && addressed) return to("TargetReady");
  if (facts.phase == "TargetReady" && begun) return to("Running");
  if (facts.phase == "Running" && facts.completed) return succeed();
  return {};
}

}  // namespace godwit::rules
