#include "trial/report.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace godwit::trial {
namespace {

std::int64_t figure(const Move& move, const char* name) {
  return json::int_at(move.migration, std::string{"/status/result/"} + name);
}

std::string node(const Move& move, const char* which) {
  return json::string_at(move.migration, std::string{"/status/migrationState/"} + which);
}

bool succeeded(const Move& move) { return json::string_at(move.migration, "/status/phase") == "Succeeded"; }

double worst_gap(const Findings& findings) {
  double worst = 0;
  for (const Move& move : findings.moves) worst = std::max(worst, move.client_gap_ms);
  return worst;
}

class Painter {
 public:
  explicit Painter(bool colours) : colours_{colours} {}
  [[nodiscard]] std::string good(bool is_good, std::string_view yes, std::string_view no) const {
    const std::string_view text = is_good ? yes : no;
    if (!colours_) return std::string{text};
    return fmt::format("\033[{}m{}\033[0m", is_good ? 32 : 31, text);
  }
  [[nodiscard]] std::string strong(std::string_view text) const {
    return colours_ ? fmt::format("\033[1m{}\033[0m", text) : std::string{text};
  }

 private:
  bool colours_;
};

std::string describe(const Move& move, const Painter& paint) {
  if (!succeeded(move)) {
    return fmt::format(
        "  {}\n    reason        {}\n", paint.good(false, "", "The migration failed."),
        json::string_at(move.migration, "/status/migrationState/failureReason", "see kubectl describe vmim"));
  }
  std::string phases;
  for (const char* name : {"setup", "copying", "paused", "commit", "resume"}) {
    phases += fmt::format("{}{} {} ms", phases.empty() ? "" : ", ", name,
                          json::int_at(move.migration, std::string{"/status/result/phasesMs/"} + name));
  }
  return fmt::format(
      "  {} → {}  {}\n"
      "    time          {}\n"
      "    moved         {} at {}/s in {} pre-copy rounds\n"
      "    downtime      {} ms by QEMU; the client's longest wait for an answer was {:.0f} ms\n",
      paint.strong(node(move, "sourceNode")), paint.strong(node(move, "targetNode")),
      paint.strong(fmt::format("{} ms", figure(move, "totalMs"))), phases,
      format_bytes(figure(move, "transferredBytes")), format_bytes(figure(move, "throughputBytesPerSecond")),
      figure(move, "precopyRounds"), figure(move, "downtimeMs"), move.client_gap_ms);
}

}  // namespace

bool Findings::all_is_well() const {
  return !moves.empty() && std::all_of(moves.begin(), moves.end(), succeeded) && tcp_session_survived &&
         guest_state_intact && disk_intact;
}

json::Value to_json(const Findings& f) {
  if (f.moves.empty()) return json::Object{};
  const Move& first = f.moves.front();
  return json::Object{
      {"sourceNode", node(first, "sourceNode")},
      {"targetNode", node(first, "targetNode")},
      {"accelerator", f.accelerator},
      {"totalMs", figure(first, "totalMs")},
      {"phasesMs", json::object_at(first.migration, "/status/result/phasesMs")},
      {"bytesTransferred", figure(first, "transferredBytes")},
      {"throughputBytesPerSecond", figure(first, "throughputBytesPerSecond")},
      {"precopyRounds", figure(first, "precopyRounds")},
      {"downtimeMs", figure(first, "downtimeMs")},
      {"clientLongestGapMs", static_cast<std::int64_t>(worst_gap(f))},
      {"tcpSessionSurvived", f.tcp_session_survived},
      {"guestStateIntact", f.guest_state_intact},
      {"diskIntact", f.disk_intact},
  };
}

std::string to_text(const Findings& f, bool colours) {
  const Painter paint{colours};
  std::string text =
      "\n" + paint.strong("The guest moved while it ran") + fmt::format(" (accelerator: {})\n\n", f.accelerator);
  for (const Move& move : f.moves) text += describe(move, paint);
  text += fmt::format(
      "\n  TCP session     {}\n",
      paint.good(f.tcp_session_survived, fmt::format("open all the time ({} answers, none missing)", f.tcp_answers),
                 "BROKEN: " + f.tcp_session_end));
  text += fmt::format("  guest's memory  {}\n",
                      paint.good(f.guest_state_intact, "counter and pattern unbroken", "DAMAGED"));
  text +=
      fmt::format("  guest's disk    {}\n",
                  paint.good(f.disk_intact, fmt::format("{} checksummed blocks, all there", f.disk_blocks), "DAMAGED"));
  return text;
}

}  // namespace godwit::trial
