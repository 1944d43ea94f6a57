// What QEMU tells of a migration, as values.
#include <array>
#include <utility>

#include "qemu/migration.hpp"

namespace godwit::qemu {
namespace {

constexpr std::array<std::pair<MigrationStatus, std::string_view>, 16> words{{
    {MigrationStatus::none, "none"},
    {MigrationStatus::setup, "setup"},
    {MigrationStatus::wait_unplug, "wait-unplug"},
    {MigrationStatus::active, "active"},
    {MigrationStatus::pre_switchover, "pre-switchover"},
    {MigrationStatus::device, "device"},
    {MigrationStatus::postcopy_device, "postcopy-device"},
    {MigrationStatus::postcopy_active, "postcopy-active"},
    {MigrationStatus::postcopy_paused, "postcopy-paused"},
    {MigrationStatus::postcopy_recover_setup, "postcopy-recover-setup"},
    {MigrationStatus::postcopy_recover, "postcopy-recover"},
    {MigrationStatus::completed, "completed"},
    {MigrationStatus::cancelling, "cancelling"},
    {MigrationStatus::cancelled, "cancelled"},
    {MigrationStatus::failed, "failed"},
    {MigrationStatus::colo, "colo"},
}};

double number_at(const json::Value& root, std::string_view pointer) {
  const json::Value* value = json::find(root, pointer);
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<double>();
}

RamInfo parse_ram(const json::Value& reply) {
  const auto at = [&](std::string_view name) { return json::int_at(reply, "/ram/" + std::string{name}); };
  RamInfo ram;
  ram.transferred = at("transferred");
  ram.remaining = at("remaining");
  ram.total = at("total");
  ram.duplicate = at("duplicate");
  ram.normal = at("normal");
  ram.normal_bytes = at("normal-bytes");
  ram.precopy_bytes = at("precopy-bytes");
  ram.postcopy_bytes = at("postcopy-bytes");
  ram.downtime_bytes = at("downtime-bytes");
  ram.multifd_bytes = at("multifd-bytes");
  ram.postcopy_requests = at("postcopy-requests");
  ram.dirty_sync_count = at("dirty-sync-count");
  ram.dirty_pages_rate = at("dirty-pages-rate");
  ram.page_size = json::int_at(reply, "/ram/page-size", 4096);
  ram.mbps = number_at(reply, "/ram/mbps");
  return ram;
}

}  // namespace

MigrationStatus migration_status_of(std::string_view word) {
  for (const auto& [status, name] : words) {
    if (name == word) return status;
  }
  return MigrationStatus::unknown;
}

std::string_view word_of(MigrationStatus status) {
  for (const auto& [candidate, name] : words) {
    if (candidate == status) return name;
  }
  return "unknown";
}

std::optional<MigrationStatus> migration_status_of(const Event& event) {
  if (event.name != "MIGRATION") return std::nullopt;
  return migration_status_of(json::string_at(event.data, "/status"));
}

MigrationInfo parse_migration_info(const json::Value& reply) {
  MigrationInfo info;
  info.status = migration_status_of(json::string_at(reply, "/status", "none"));
  info.ram = parse_ram(reply);
  info.total_ms = json::int_at(reply, "/total-time");
  info.downtime_ms = json::int_at(reply, "/downtime");
  info.expected_downtime_ms = json::int_at(reply, "/expected-downtime");
  info.setup_ms = json::int_at(reply, "/setup-time");
  info.throttle_percent = json::int_at(reply, "/cpu-throttle-percentage");
  info.error_desc = json::string_at(reply, "/error-desc");
  for (const json::Value& reason : json::array_at(reply, "/blocked-reasons")) {
    if (reason.is_string()) info.blocked_reasons.emplace_back(reason.get_string());
  }
  if (const json::Value* address = json::find(reply, "/socket-address"); address != nullptr) {
    info.socket_address = *address;
  }
  return info;
}

}  // namespace godwit::qemu
