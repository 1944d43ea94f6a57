// What is wrong below one spec of a guest; for admission's own use.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::rules {

/// Collects causes below one spec.
class Findings {
 public:
  Findings(const json::Value& spec, std::string prefix) : spec{spec}, prefix_{std::move(prefix)} {}
  const json::Value& spec;
  std::vector<FieldError> causes;

  [[nodiscard]] std::string at(std::string_view path) const { return fmt::format("{}.{}", prefix_, path); }
  void invalid(std::string_view path, std::string message) {
    causes.push_back({"FieldValueInvalid", std::move(message), at(path)});
  }
  void unsupported(std::string_view path, std::string message) {
    causes.push_back({"FieldValueNotSupported", std::move(message), at(path)});
  }
  void required(std::string_view path, std::string message) {
    causes.push_back({"FieldValueRequired", std::move(message), at(path)});
  }

 private:
  std::string prefix_;
};

/// Every entry has a name of its own; returns name → index.
std::map<std::string, std::size_t> check_names(Findings& f, std::string_view pointer, std::string_view path);
/// Every name of `names` must be among `others`.
void check_pairs(Findings& f, const std::map<std::string, std::size_t>& names, std::string_view path,
                 const std::map<std::string, std::size_t>& others, std::string_view where);

/// Memory, CPUs, machine type, features, clock, firmware.
void check_platform(Findings& f);
/// volume_fields.cpp
void check_disks(Findings& f);
void check_volumes(Findings& f);
/// Interfaces and networks.
void check_interfaces(Findings& f);
/// Watchdog, screen, inputs, sound, panic devices, TPM.
void check_devices(Findings& f);

}  // namespace godwit::rules
