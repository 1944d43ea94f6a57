#include "qemu/migration.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

namespace godwit::qemu {
namespace {

/// What "no limit" is to QEMU, in bytes a second.
constexpr std::int64_t no_limit = 1'000'000'000'000;
constexpr Duration final_figures_pause = std::chrono::milliseconds{2};

Result<> done(Result<json::Value> reply) {
  if (!reply) return fail(reply.error());
  return {};
}

std::int64_t bandwidth(std::int64_t bytes_per_second) { return bytes_per_second > 0 ? bytes_per_second : no_limit; }

bool in_postcopy(MigrationStatus status) {
  switch (status) {
    case MigrationStatus::postcopy_device:
    case MigrationStatus::postcopy_active:
    case MigrationStatus::postcopy_paused:
    case MigrationStatus::postcopy_recover_setup:
    case MigrationStatus::postcopy_recover: return true;
    default: return false;
  }
}

}  // namespace

json::Value to_json(const MigrationParameters& parameters) {
  return json::Object{{"max-bandwidth", bandwidth(parameters.max_bandwidth)},
                      {"downtime-limit", parameters.downtime_limit_ms},
                      {"avail-switchover-bandwidth", parameters.available_switchover_bandwidth},
                      {"max-postcopy-bandwidth", parameters.max_postcopy_bandwidth},
                      {"multifd-channels", parameters.multifd_channels},
                      {"multifd-compression", "none"},
                      {"cpu-throttle-initial", parameters.throttle_initial},
                      {"cpu-throttle-increment", parameters.throttle_increment},
                      {"max-cpu-throttle", parameters.max_throttle},
                      {"announce-initial", parameters.announce_initial_ms},
                      {"announce-max", parameters.announce_max_ms},
                      {"announce-rounds", parameters.announce_rounds},
                      {"announce-step", parameters.announce_step_ms},
                      {"tls-creds", ""},
                      {"tls-hostname", ""},
                      {"tls-authz", ""}};
}

Result<std::set<std::string>> Migration::known_capabilities(Deadline deadline) {
  auto reply = in_band_("query-migrate-capabilities", json::Object{}, deadline);
  if (!reply) return fail(reply.error());
  std::set<std::string> known;
  for (const json::Value& entry : json::array_at(*reply, "")) known.insert(json::string_at(entry, "/capability"));
  return known;
}

Result<> Migration::set_capabilities(const std::set<std::string>& enabled, Deadline deadline) {
  auto known = known_capabilities(deadline);
  if (!known) return fail(known.error());
  for (const std::string& name : enabled) {
    if (!known->contains(name))
      return fail(Code::invalid, fmt::format("this QEMU has no migration capability {}", name));
  }
  json::Array list;
  for (const std::string& name : *known) {
    // "events" can't be without: the drivers live by them.
    list.push_back(json::Object{{"capability", name}, {"state", name == "events" || enabled.contains(name)}});
  }
  return done(in_band_("migrate-set-capabilities", json::Object{{"capabilities", std::move(list)}}, deadline));
}

Result<> Migration::set_parameters(const MigrationParameters& parameters, Deadline deadline) {
  json::Value wanted = to_json(parameters);
  auto set = in_band_("migrate-set-parameters", wanted, deadline);
  if (set || set.error().code != Code::invalid) return done(std::move(set));
  // An older QEMU lacks some: send those that it has.
  auto known = in_band_("query-migrate-parameters", json::Object{}, deadline);
  if (!known) return fail(known.error());
  json::Object fewer;
  for (const auto& [name, value] : wanted.get_object()) {
    if (known->is_object() && known->get_object().contains(name)) fewer[name] = value;
  }
  if (fewer.size() == wanted.get_object().size()) return fail(set.error());
  return done(in_band_("migrate-set-parameters", fewer, deadline));
}

Result<> Migration::adjust(const LiveParameters& parameters, Deadline deadline) {
  json::Object changes;
  if (parameters.max_bandwidth) changes["max-bandwidth"] = bandwidth(*parameters.max_bandwidth);
  if (parameters.downtime_limit_ms) changes["downtime-limit"] = *parameters.downtime_limit_ms;
  if (parameters.throttle_initial) changes["cpu-throttle-initial"] = *parameters.throttle_initial;
  if (parameters.throttle_increment) changes["cpu-throttle-increment"] = *parameters.throttle_increment;
  if (changes.empty()) return {};
  return done(in_band_("migrate-set-parameters", changes, deadline));
}

Result<> Migration::incoming(const std::string& uri, Deadline deadline) {
  auto begun = in_band_("migrate-incoming", json::Object{{"uri", uri}, {"exit-on-error", false}}, deadline);
  if (begun || begun.error().message.find("exit-on-error") == std::string::npos) return done(std::move(begun));
  return done(in_band_("migrate-incoming", json::Object{{"uri", uri}}, deadline));
}

Result<> Migration::migrate(const std::string& uri, Deadline deadline, bool resume) {
  json::Object arguments{{"uri", uri}};
  if (resume) arguments["resume"] = true;
  return done(in_band_("migrate", arguments, deadline));
}

Result<> Migration::cancel(Deadline deadline) {
  auto info = query(deadline);
  if (!info) return fail(info.error());
  if (in_postcopy(info->status)) {
    return fail(Code::conflict,
                fmt::format("a migration in {} can't be cancelled: the guest would be lost", word_of(info->status)));
  }
  return done(in_band_("migrate_cancel", json::Object{}, deadline));  // QEMU spells this one with an underscore
}

Result<> Migration::continue_from_pre_switchover(Deadline deadline) {
  return done(in_band_("migrate-continue", json::Object{{"state", "pre-switchover"}}, deadline));
}

Result<> Migration::start_postcopy(Deadline deadline) {
  return done(in_band_("migrate-start-postcopy", json::Object{}, deadline));
}

Result<MigrationInfo> Migration::query(Deadline deadline) {
  auto reply = in_band_("query-migrate", json::Object{}, deadline);
  if (!reply) return fail(reply.error());
  return parse_migration_info(*reply);
}

Result<MigrationInfo> Migration::query_final(Deadline deadline) {
  for (;;) {
    auto info = query(deadline);
    if (!info || info->status != MigrationStatus::completed || info->total_ms > 0 || deadline.passed()) return info;
    std::this_thread::sleep_for(final_figures_pause);
  }
}

Result<> Migration::yank(Deadline deadline) {
  const json::Value arguments = json::Object{{"instances", json::Array{json::Object{{"type", "migration"}}}}};
  return done(oob_("yank", arguments, deadline));
}

Result<> Migration::pause_postcopy(Deadline deadline) { return done(oob_("migrate-pause", json::Object{}, deadline)); }

Result<> Migration::recover_postcopy(const std::string& uri, Deadline deadline) {
  return done(oob_("migrate-recover", json::Object{{"uri", uri}}, deadline));
}

Result<> Migration::announce_self(int initial_ms, int max_ms, int rounds, int step_ms, Deadline deadline) {
  return done(in_band_("announce-self",
                       json::Object{{"initial", initial_ms}, {"max", max_ms}, {"rounds", rounds}, {"step", step_ms}},
                       deadline));
}

}  // namespace godwit::qemu
