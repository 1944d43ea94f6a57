// What a guest's processes may use, as its launcher pod says, and what that means in the files of a cgroup. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "json/value.hpp"

namespace godwit::confine {

struct Limits {
  std::optional<std::int64_t> memory_bytes = {};  ///< of limits.memory; none: no limit
  std::optional<std::int64_t> cpu_milli = {};     ///< of limits.cpu, thousandths of a core; none: no limit
  std::int64_t cpu_request_milli = 0;             ///< of requests.cpu: its share when CPUs are short
  std::int64_t tasks = 0;                         ///< threads and processes

  bool operator==(const Limits&) const = default;
};

/// Of the first container, which is the guest's.
[[nodiscard]] Limits limits_of(const json::Value& pod);

/// A line to be written into a file of the cgroup.
struct Setting {
  std::string controller;  ///< "memory": where it isn't there, the setting is left out
  std::string file;
  std::string text;
  bool optional = false;  ///< newer kernels only

  bool operator==(const Setting&) const = default;
};

/// Version 2. The kernel ends a guest that is over its memory limit as a whole, never a thread of it.
[[nodiscard]] std::vector<Setting> unified_settings(const Limits& limits);
/// Version 1: the same as far as it goes.
[[nodiscard]] std::vector<Setting> legacy_settings(const Limits& limits);

}  // namespace godwit::confine
