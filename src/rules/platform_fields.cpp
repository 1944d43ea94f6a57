// Memory, CPUs, machine type, features, clock and firmware of a guest: wrong values, and values that aren't built.
#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/quantity.hpp"
#include "base/text.hpp"
#include "rules/guest_checks.hpp"

namespace godwit::rules {
namespace {

void check_memory(Findings& f) {
  bool given = false;
  for (const auto& [pointer, path] :
       {std::pair{"/domain/memory/guest", "domain.memory.guest"},
        std::pair{"/domain/resources/requests/memory", "domain.resources.requests.memory"},
        std::pair{"/domain/resources/limits/memory", "domain.resources.limits.memory"}}) {
    const auto* value = json::find(f.spec, pointer);
    if (value == nullptr || value->is_null()) continue;
    given = true;
    const auto amount = value->is_string()  ? Quantity::parse(value->as_string())
                        : value->is_int64() ? Result<Quantity>{Quantity::of(value->as_int64())}
                                            : fail(Code::invalid, "");
    if (!amount) {
      f.invalid(path, fmt::format("{} is no quantity", f.at(path)));
    } else if (amount->value() < (1 << 20)) {
      f.invalid(path, fmt::format("{} must be at least 1Mi", f.at(path)));
    }
  }
  if (!given) {
    f.required("domain.memory.guest", fmt::format("no memory requested, at least one of '{}', '{}' or '{}' must be set",
                                                  f.at("domain.memory.guest"), f.at("domain.resources.requests.memory"),
                                                  f.at("domain.resources.limits.memory")));
  }
}

/// A quantity of the spec, nothing where there is none or it is wrong, which is told elsewhere.
std::optional<Quantity> quantity_at(const json::Value& spec, std::string_view pointer) {
  const auto* value = json::find(spec, pointer);
  if (value == nullptr) return std::nullopt;
  if (value->is_int64()) return Quantity::of(value->as_int64());
  if (!value->is_string()) return std::nullopt;
  const auto parsed = Quantity::parse(value->as_string());
  return parsed ? std::optional{*parsed} : std::nullopt;
}

/// As the spec writes it.
std::string amount_at(const json::Value& spec, std::string_view pointer) {
  const auto* value = json::find(spec, pointer);
  if (value == nullptr) return {};
  return value->is_string() ? std::string{value->as_string()} : json::write(*value);
}

/// Nobody gets more than the limit.
void check_limits(Findings& f) {
  for (const std::string what : {"memory", "cpu"}) {
    const auto request = quantity_at(f.spec, "/domain/resources/requests/" + what);
    const auto limit = quantity_at(f.spec, "/domain/resources/limits/" + what);
    if (!request || !limit || request->milli_value() <= limit->milli_value()) continue;
    const auto path = "domain.resources.requests." + what;
    f.invalid(path, fmt::format("{} '{}' is greater than {} '{}'", f.at(path),
                                amount_at(f.spec, "/domain/resources/requests/" + what),
                                f.at("domain.resources.limits." + what),
                                amount_at(f.spec, "/domain/resources/limits/" + what)));
  }
  const auto guest = quantity_at(f.spec, "/domain/memory/guest");
  const auto limit = quantity_at(f.spec, "/domain/resources/limits/memory");
  if (guest && limit && guest->value() > limit->value()) {
    f.invalid("domain.memory.guest",
              fmt::format("{} '{}' must be equal to or less than the memory limit {} '{}'", f.at("domain.memory.guest"),
                          amount_at(f.spec, "/domain/memory/guest"), f.at("domain.resources.limits.memory"),
                          amount_at(f.spec, "/domain/resources/limits/memory")));
  }
}

void check_cpu(Findings& f) {
  for (const auto* field : {"cores", "sockets", "threads"}) {
    const auto count = json::int_at(f.spec, fmt::format("/domain/cpu/{}", field), 1);
    const auto path = fmt::format("domain.cpu.{}", field);
    if (count < 1 || count > 255) f.invalid(path, fmt::format("{} must be between 1 and 255", f.at(path)));
  }
  const auto sockets = json::int_at(f.spec, "/domain/cpu/sockets", 1);
  if (const auto most = json::int_at(f.spec, "/domain/cpu/maxSockets"); most > sockets) {
    f.unsupported("domain.cpu.maxSockets", fmt::format("not built yet: {} above sockets: CPUs can't be plugged in",
                                                       f.at("domain.cpu.maxSockets")));
  }
  const auto cpu = json::string_at(f.spec, "/domain/resources/requests/cpu");
  if (!cpu.empty() && !Quantity::parse(cpu)) {
    f.invalid("domain.resources.requests.cpu", fmt::format("{} is no quantity", f.at("domain.resources.requests.cpu")));
  }
}

void check_machine(Findings& f) {
  const auto type = json::string_at(f.spec, "/domain/machine/type");
  if (type.empty() || type == "q35" || type.starts_with("pc-q35-")) return;
  f.invalid("domain.machine.type",
            fmt::format("{} is not supported: {} (allowed values: [q35* pc-q35*])", f.at("domain.machine.type"), type));
}

void check_cpu_features(Findings& f) {
  static const std::set<std::string> policies{"", "require", "optional", "disable", "forbid", "force"};
  const auto& features = json::array_at(f.spec, "/domain/cpu/features");
  for (std::size_t i = 0; i < features.size(); ++i) {
    const auto name = json::string_at(features[i], "/name");
    const auto policy = json::string_at(features[i], "/policy");
    const auto here = fmt::format("domain.cpu.features[{}]", i);
    const bool is_word = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    });
    if (!is_word) f.invalid(here + ".name", fmt::format("{}.name '{}' is no name of a CPU feature", f.at(here), name));
    if (!policies.contains(policy)) {
      f.unsupported(here + ".policy",
                    fmt::format("CPU feature {} uses policy {} that is not supported.", name, policy));
    }
  }
}

/// On unless it says otherwise, as KubeVirt has it: a feature that is named is wanted.
bool is_on(const json::Value& spec, const std::string& pointer) {
  return json::find(spec, pointer) != nullptr && json::bool_at(spec, pointer + "/enabled", true);
}

void check_features(Findings& f) {
  if (!json::bool_at(f.spec, "/domain/features/apic/enabled", true)) {
    f.unsupported("domain.features.apic.enabled",
                  fmt::format("not built yet: {} false", f.at("domain.features.apic.enabled")));
  }
  const auto spinlocks = json::int_at(f.spec, "/domain/features/hyperv/spinlocks/spinlocks", 4096);
  if (spinlocks < 4096) {
    f.invalid("domain.features.hyperv.spinlocks.spinlocks",
              fmt::format("{} must be at least 4096", f.at("domain.features.hyperv.spinlocks.spinlocks")));
  }
  const auto vendor = json::string_at(f.spec, "/domain/features/hyperv/vendorid/vendorid");
  if (vendor.size() > 12 || vendor.find_first_of(", =") != std::string::npos) {
    f.invalid("domain.features.hyperv.vendorid.vendorid",
              fmt::format("{} must be up to 12 characters without ',', '=' and spaces",
                          f.at("domain.features.hyperv.vendorid.vendorid")));
  }
}

void check_timers(Findings& f) {
  struct Timer {
    std::string_view name;
    std::array<std::string_view, 2> policies;
    std::string_view always;
  };
  // A guest's ticks are lost or delivered late; what QEMU can do about it differs from timer to timer.
  static const std::array timers{Timer{"hpet", {"delay", ""}, {}}, Timer{"pit", {"delay", "discard"}, {}},
                                 Timer{"rtc", {"catchup", "delay"}, "the PC's clock chip"}};
  for (const auto& timer : timers) {
    const auto pointer = fmt::format("/domain/clock/timer/{}", timer.name);
    const auto path = fmt::format("domain.clock.timer.{}", timer.name);
    const auto policy = json::string_at(f.spec, pointer + "/tickPolicy");
    if (!policy.empty() && std::find(timer.policies.begin(), timer.policies.end(), policy) == timer.policies.end()) {
      f.unsupported(path + ".tickPolicy", fmt::format("not built yet: {}.tickPolicy {}", f.at(path), policy));
    }
    if (!timer.always.empty() && !json::bool_at(f.spec, pointer + "/present", true)) {
      f.unsupported(path + ".present",
                    fmt::format("not built yet: {}.present false: there is always {}", f.at(path), timer.always));
    }
  }
  const auto track = json::string_at(f.spec, "/domain/clock/timer/rtc/track");
  if (!track.empty() && track != "guest" && track != "wall") {
    f.invalid("domain.clock.timer.rtc.track",
              fmt::format("{} must be guest or wall", f.at("domain.clock.timer.rtc.track")));
  }
  const auto zone = json::string_at(f.spec, "/domain/clock/timezone");
  const bool strange = zone.find("..") != std::string::npos || zone.starts_with("/") || zone.size() > 64 ||
                       !std::all_of(zone.begin(), zone.end(), [](unsigned char c) {
                         return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
                       });
  if (strange) f.invalid("domain.clock.timezone", fmt::format("{} is no timezone", f.at("domain.clock.timezone")));
  if (!zone.empty() && json::find(f.spec, "/domain/clock/utc") != nullptr) {
    f.invalid("domain.clock",
              fmt::format("{} has both utc and timezone, but they are mutually exclusive.", f.at("domain.clock")));
  }
}

/// What goes into the tables that the firmware shows the guest.
void check_words(Findings& f) {
  constexpr std::size_t longest = 256;
  constexpr auto letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-";
  const auto serial = json::string_at(f.spec, "/domain/firmware/serial");
  const auto* path = "domain.firmware.serial";
  if (serial.size() > longest) {
    f.invalid(path, fmt::format("{} must be less than or equal to {} in length, if specified", f.at(path), longest));
  }
  if (serial.find_first_not_of(letters) != std::string::npos) {
    f.invalid(path,
              fmt::format("{} must be made up of the following characters [A-Za-z0-9_.+-], if specified", f.at(path)));
  }
  for (const auto* field : {"asset", "manufacturer", "serial", "sku", "version"}) {
    const auto word = json::string_at(f.spec, fmt::format("/domain/chassis/{}", field));
    const bool printable =
        std::all_of(word.begin(), word.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
    const auto here = fmt::format("domain.chassis.{}", field);
    if (word.size() > longest || !printable) {
      f.invalid(here, fmt::format("{} must be up to {} printable characters", f.at(here), longest));
    }
  }
}

void check_firmware(Findings& f) {
  const auto uuid = json::string_at(f.spec, "/domain/firmware/uuid");
  if (!uuid.empty() && !is_uuid(uuid)) {
    f.invalid("domain.firmware.uuid", fmt::format("{} '{}' is no UUID", f.at("domain.firmware.uuid"), uuid));
  }
  const auto* loader = "domain.firmware.bootloader";
  const auto* efi = json::find(f.spec, "/domain/firmware/bootloader/efi");
  if (efi == nullptr || efi->is_null()) return;
  const auto* bios = json::find(f.spec, "/domain/firmware/bootloader/bios");
  if (bios != nullptr && !bios->is_null()) {
    f.invalid(loader,
              fmt::format("{} has both EFI and BIOS configured, but they are mutually exclusive.", f.at(loader)));
  }
  if (json::bool_at(*efi, "/secureBoot", true) && !is_on(f.spec, "/domain/features/smm")) {
    f.invalid(fmt::format("{}.efi.secureBoot", loader),
              fmt::format("{} has EFI SecureBoot enabled. SecureBoot requires SMM, which is currently disabled.",
                          f.at(fmt::format("{}.efi", loader))));
  }
}

}  // namespace

void check_platform(Findings& f) {
  check_memory(f);
  check_limits(f);
  check_cpu(f);
  check_cpu_features(f);
  check_machine(f);
  check_features(f);
  check_timers(f);
  check_words(f);
  check_firmware(f);
}

}  // namespace godwit::rules
