// What this host's QEMU and processor can do: asked and measured, never presumed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "json/value.hpp"
#include "qemu/command_line.hpp"

namespace godwit::qemu {

struct HostProbe {
  std::string version;  ///< "10.0.2"
  Accelerator accelerator = Accelerator::tcg;
  std::string reason;                      ///< why this accelerator, for the log
  std::vector<std::string> machine_types;  ///< versioned pc-q35 types
  std::vector<std::string> cpu_models;     ///< usable here with that accelerator
};

/// Asks QEMU, and for "auto" measures KVM; the measurement is kept in the cache file and made once per boot. "kvm"
/// demands it: Code::unavailable says why it can't be had. Software emulation needs QEMU 9.0: Code::invalid on older
/// ones.
[[nodiscard]] Result<HostProbe> probe_host(const std::string& accelerator, const std::filesystem::path& cache);

/// Versioned pc-q35 types out of query-machines, newest first. Pure.
[[nodiscard]] std::vector<std::string> versioned_q35_types(const json::Value& query_machines);
/// Models without unavailable features out of query-cpu-definitions. Pure.
[[nodiscard]] std::vector<std::string> usable_models(const json::Value& query_cpu_definitions);

}  // namespace godwit::qemu
