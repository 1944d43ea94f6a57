#include "confine/limits.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace godwit::confine {
namespace {

constexpr std::int64_t period_us = 100'000;
constexpr std::int64_t least_quota_us = 1'000;  // the kernel takes no less
// QEMU's own threads, one a CPU, up to 64 for disks, the streams of a migration; a thousand is no guest's need.
constexpr std::int64_t most_tasks = 1024;

std::optional<Quantity> quantity_at(const json::Value& pod, const std::string& pointer) {
  const auto* value = json::find(pod, "/spec/containers/0/resources" + pointer);
  if (value == nullptr) return std::nullopt;
  const auto quantity = Quantity::parse(value->is_string() ? std::string{value->as_string()} : json::write(*value));
  return quantity ? std::optional{*quantity} : std::nullopt;
}

std::int64_t quota_us(std::int64_t milli) { return std::max(milli * period_us / 1000, least_quota_us); }

/// As Kubernetes counts: 1024 shares a core, at least 2.
std::int64_t shares_of(std::int64_t milli) { return std::clamp<std::int64_t>(milli * 1024 / 1000, 2, 262144); }

}  // namespace

Limits limits_of(const json::Value& pod) {
  Limits limits{.tasks = most_tasks};
  if (const auto memory = quantity_at(pod, "/limits/memory")) limits.memory_bytes = memory->value();
  if (const auto cpu = quantity_at(pod, "/limits/cpu")) limits.cpu_milli = cpu->milli_value();
  if (const auto cpu = quantity_at(pod, "/requests/cpu")) limits.cpu_request_milli = cpu->milli_value();
  return limits;
}

std::vector<Setting> unified_settings(const Limits& limits) {
  std::vector<Setting> settings;
  if (limits.memory_bytes) settings.push_back({"memory", "memory.max", std::to_string(*limits.memory_bytes)});
  settings.push_back({"memory", "memory.oom.group", "1", true});
  if (limits.cpu_milli) {
    settings.push_back({"cpu", "cpu.max", fmt::format("{} {}", quota_us(*limits.cpu_milli), period_us)});
  }
  const auto shares = shares_of(limits.cpu_request_milli);
  settings.push_back({"cpu", "cpu.weight", std::to_string(1 + (shares - 2) * 9999 / 262142)});
  settings.push_back({"pids", "pids.max", std::to_string(limits.tasks)});
  return settings;
}

std::vector<Setting> legacy_settings(const Limits& limits) {
  std::vector<Setting> settings;
  if (limits.memory_bytes)
    settings.push_back({"memory", "memory.limit_in_bytes", std::to_string(*limits.memory_bytes)});
  if (limits.cpu_milli) {
    settings.push_back({"cpu", "cpu.cfs_period_us", std::to_string(period_us)});
    settings.push_back({"cpu", "cpu.cfs_quota_us", std::to_string(quota_us(*limits.cpu_milli))});
  }
  settings.push_back({"cpu", "cpu.shares", std::to_string(shares_of(limits.cpu_request_milli))});
  settings.push_back({"pids", "pids.max", std::to_string(limits.tasks)});
  return settings;
}

}  // namespace godwit::confine
