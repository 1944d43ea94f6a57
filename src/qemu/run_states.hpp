// When a guest ran, as its QEMUs have recorded it themselves (run-states.log): the proof that never two ran it at once.
//
// QEMU writes a line at each change of its run state, with the time. A guest counts as running from before its CPUs are
// let go until after all of them have stopped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::qemu {

/// A time in which one QEMU ran the guest. Microseconds since 1970.
struct RunSpan {
  int pid = 0;  ///< tells the QEMUs apart; as the host counts (QEMU itself may live in a namespace of processes)
  std::int64_t begin = 0;
  std::optional<std::int64_t> end = {};  ///< none: until the process died, or now
  bool operator==(const RunSpan&) const = default;
};

/// The spans in one QEMU's record. Lines that say something else, or are cut short, are passed over.
[[nodiscard]] std::vector<RunSpan> parse_run_states(int pid, std::string_view log);

/// The last state that the record names: "running", "finish-migrate" …; "" for none.
[[nodiscard]] std::string last_run_state(std::string_view log);

/// Two spans of different QEMUs that overlap, in words; none: at every instant at most one ran. `spans` are those of
/// all QEMUs of one guest; one without an end overlaps with every later one.
[[nodiscard]] std::optional<std::string> find_overlap(std::vector<RunSpan> spans);

}  // namespace godwit::qemu
