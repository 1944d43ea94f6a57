// What this host's QEMU and processor can do: asked and measured, never presumed.
#pragma once

#include <filesystem>
#include <map>
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
  std::vector<std::string> cpu_features;   ///< what a guest can have here, by QEMU's names
  std::string host_model;                  ///< the richest of the models: what `host-model` means here
  std::string cpu_vendor;                  ///< with KVM, "AuthenticAMD"; guests in software don't care
};

/// Asks QEMU, and for "auto" measures KVM; the measurement is kept in the cache file and made once per boot. "kvm"
/// demands it: Code::unavailable says why it can't be had. Software emulation needs QEMU 9.0: Code::invalid on older
/// ones.
[[nodiscard]] Result<HostProbe> probe_host(const std::string& accelerator, const std::filesystem::path& cache);

/// Versioned pc-q35 types out of query-machines, newest first. Pure.
[[nodiscard]] std::vector<std::string> versioned_q35_types(const json::Value& query_machines);
/// Models without unavailable features out of query-cpu-definitions. Pure.
[[nodiscard]] std::vector<std::string> usable_models(const json::Value& query_cpu_definitions);

/// Features that are on, out of query-cpu-model-expansion (full), without QEMU's switches that are none. Pure.
[[nodiscard]] std::vector<std::string> features_of(const json::Value& query_cpu_model_expansion);
/// The model with most features; of two, the shorter name. Pure.
[[nodiscard]] std::string richest_model(const std::map<std::string, std::size_t>& feature_counts);

}  // namespace godwit::qemu
