#include "qemu/capabilities.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "qemu/kvm_probe.hpp"
#include "qemu/qmp_session.hpp"

namespace godwit::qemu {
namespace {

constexpr std::chrono::seconds patience{20};
constexpr int oldest_for_emulation = 9;  // software-emulated guests are corrupted by migrations of older ones

struct Answers {
  std::string version;
  json::Value machines;
  json::Value models;
  json::Value whole_cpu;                              ///< expansion of all that a guest can have
  std::map<std::string, std::size_t> feature_counts;  ///< of the usable models
};

Result<json::Value> expand(QmpSession& session, const std::string& model) {
  return session.execute("query-cpu-model-expansion",
                         json::Object{{"type", "full"}, {"model", json::Object{{"name", model}}}},
                         Deadline::after(patience));
}

/// Asks a QEMU that runs no machine.
Result<Answers> ask(Accelerator accelerator) {
  const auto directory = TemporaryDirectory::create("godwit-probe");
  if (!directory) return fail(directory.error());
  const auto socket = directory->path() / "qmp";
  const std::string machine = "none,accel=" + name_of(accelerator);
  auto process =
      Process::spawn({.argv = {"qemu-system-x86_64", "-S", "-no-user-config", "-nodefaults", "-display", "none",
                               "-machine", machine, "-qmp", "unix:" + socket.string() + ",server=on,wait=off"},
                      .stdout_file = directory->path() / "log"});
  if (!process) return fail(process.error().within("QEMU (package qemu-system-x86)"));
  auto session = QmpSession::connect(socket, {}, Deadline::after(patience));
  if (!session) {
    return fail(
        session.error().within("QEMU: " + std::string{trim(read_file(directory->path() / "log").value_or(""))}));
  }
  Answers answers{
      .version = (*session)->version(), .machines = {}, .models = {}, .whole_cpu = {}, .feature_counts = {}};
  auto machines = (*session)->execute("query-machines", json::Object{}, Deadline::after(patience));
  if (!machines) return fail(machines.error());
  auto models = (*session)->execute("query-cpu-definitions", json::Object{}, Deadline::after(patience));
  if (!models) return fail(models.error());
  answers.machines = std::move(*machines);
  answers.models = std::move(*models);
  auto whole = expand(**session, accelerator == Accelerator::kvm ? "host" : "max");
  if (!whole) return fail(whole.error());
  answers.whole_cpu = std::move(*whole);
  for (const std::string& name : usable_models(answers.models)) {
    const auto expanded = expand(**session, name);
    if (!expanded) return fail(expanded.error());
    answers.feature_counts[name] = features_of(*expanded).size();
  }
  return answers;
}

/// The measurement of this boot, from the cache or made now.
KvmVerdict kvm_verdict(const std::filesystem::path& cache) {
  const std::string boot{trim(read_file("/proc/sys/kernel/random/boot_id").value_or(""))};
  if (const auto text = read_file(cache)) {
    const auto kept = json::parse(*text);
    if (kept && json::string_at(*kept, "/bootID") == boot && !boot.empty()) {
      return {.fast = json::bool_at(*kept, "/kvmIsFast"), .reason = json::string_at(*kept, "/reason")};
    }
  }
  KvmVerdict verdict = probe_kvm();
  const json::Value kept = json::Object{{"bootID", boot}, {"kvmIsFast", verdict.fast}, {"reason", verdict.reason}};
  (void)write_file(cache, json::write_pretty(kept));
  return verdict;
}

}  // namespace

std::vector<std::string> versioned_q35_types(const json::Value& query_machines) {
  constexpr std::string_view prefix = "pc-q35-";
  std::vector<std::pair<std::pair<int, int>, std::string>> found;
  if (!query_machines.is_array()) return {};
  for (const json::Value& machine : query_machines.as_array()) {
    const std::string name = json::string_at(machine, "/name");
    if (!name.starts_with(prefix)) continue;
    const std::vector<std::string> version = split(std::string_view{name}.substr(prefix.size()), '.');
    const auto major = parse_number<int>(version[0]);
    const auto minor = version.size() > 1 ? parse_number<int>(version[1]) : std::nullopt;
    if (major && minor && version.size() == 2) found.push_back({{*major, *minor}, name});
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<std::string> names;
  for (auto& [version, name] : found) names.push_back(std::move(name));
  return names;
}

std::vector<std::string> usable_models(const json::Value& query_cpu_definitions) {
  std::vector<std::string> names;
  if (!query_cpu_definitions.is_array()) return names;
  for (const json::Value& model : query_cpu_definitions.as_array()) {
    const bool missing_nothing =
        json::find(model, "/unavailable-features") != nullptr && json::array_at(model, "/unavailable-features").empty();
    if (missing_nothing && json::bool_at(model, "/migration-safe")) names.push_back(json::string_at(model, "/name"));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> features_of(const json::Value& query_cpu_model_expansion) {
  static const std::set<std::string> switches{"acpi",
                                              "check",
                                              "cpuid-0xb",
                                              "enforce",
                                              "fill-mtrr-mask",
                                              "full-cpuid-auto-level",
                                              "hypervisor",
                                              "kvm",
                                              "l3-cache",
                                              "legacy-cache",
                                              "lmce",
                                              "migratable",
                                              "pmu",
                                              "start-powered-off",
                                              "tcg-cpuid",
                                              "vmware-cpuid-freq",
                                              "host-cache-info",
                                              "host-phys-bits"};
  std::vector<std::string> names;
  for (const auto& [key, value] : json::object_at(query_cpu_model_expansion, "/model/props")) {
    const std::string name{key};
    const bool is_switch = switches.contains(name) || name.starts_with("x-") || name.starts_with("hv-");
    if (value.is_bool() && value.as_bool() && !is_switch) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string richest_model(const std::map<std::string, std::size_t>& feature_counts) {
  std::string best;
  std::size_t most = 0;
  for (const auto& [name, count] : feature_counts) {
    const bool better = count > most || (count == most && name.size() < best.size());
    if (name == "base" || !better) continue;
    best = name;
    most = count;
  }
  return best;
}

Result<HostProbe> probe_host(const std::string& accelerator, const std::filesystem::path& cache) {
  HostProbe probe;
  if (accelerator == "tcg") {
    probe.reason = "asked for";
  } else {
    const KvmVerdict verdict = kvm_verdict(cache);
    probe.reason = verdict.reason;
    if (verdict.fast) probe.accelerator = Accelerator::kvm;
    if (!verdict.fast && accelerator == "kvm") return fail(Code::unavailable, "--accelerator kvm: " + verdict.reason);
  }
  const auto answers = ask(probe.accelerator);
  if (!answers) return fail(answers.error());
  probe.version = answers->version;
  if (probe.accelerator == Accelerator::tcg && std::atoi(probe.version.c_str()) < oldest_for_emulation) {
    return fail(Code::invalid,
                fmt::format("QEMU {} corrupts software-emulated guests when they migrate; install QEMU 9.0 or "
                            "newer (Debian 12 has it in bookworm-backports)",
                            probe.version));
  }
  probe.machine_types = versioned_q35_types(answers->machines);
  probe.cpu_models = usable_models(answers->models);
  probe.cpu_features = features_of(answers->whole_cpu);
  probe.host_model = richest_model(answers->feature_counts);
  if (probe.accelerator == Accelerator::kvm)
    probe.cpu_vendor = json::string_at(answers->whole_cpu, "/model/props/vendor");
  return probe;
}

}  // namespace godwit::qemu
