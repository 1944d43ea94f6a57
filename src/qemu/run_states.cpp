#include "qemu/run_states.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/text.hpp"

namespace godwit::qemu {
namespace {

constexpr std::int64_t micros = 1'000'000;

/// "7593@1796096638.280525:vm_state_notify running 0 reason 4 (paused)"
struct Line {
  std::int64_t at = 0;
  std::string_view event;
  std::string_view words;
};

std::optional<Line> parse_line(std::string_view text) {
  const auto at = text.find('@');
  const auto dot = text.find('.', at == std::string_view::npos ? 0 : at);
  const auto colon = text.find(':', dot == std::string_view::npos ? 0 : dot);
  if (at == std::string_view::npos || dot == std::string_view::npos || colon == std::string_view::npos) return {};
  const auto seconds = parse_number<std::int64_t>(text.substr(at + 1, dot - at - 1));
  const auto fraction = parse_number<std::int64_t>(text.substr(dot + 1, colon - dot - 1));
  const auto space = text.find(' ', colon);
  if (!seconds || !fraction || space == std::string_view::npos || !text.ends_with(')')) return {};
  return Line{*seconds * micros + *fraction, text.substr(colon + 1, space - colon - 1), text.substr(space + 1)};
}

template <class Do>
void for_each_line(std::string_view log, const Do& act) {
  while (!log.empty()) {
    const auto end = std::min(log.find('\n'), log.size());
    if (const auto line = parse_line(log.substr(0, end))) act(*line);
    log.remove_prefix(std::min(end + 1, log.size()));
  }
}

std::int64_t end_of(const RunSpan& span) { return span.end.value_or(std::numeric_limits<std::int64_t>::max()); }

}  // namespace

std::vector<RunSpan> parse_run_states(int pid, std::string_view log) {
  std::vector<RunSpan> spans;
  bool running = false;
  for_each_line(log, [&](const Line& line) {
    if (line.event == "runstate_set" && line.words.ends_with("(running)") && !running) {
      spans.push_back({pid, line.at, {}});
      running = true;
    } else if (line.event == "vm_state_notify" && line.words.starts_with("running 0") && running) {
      spans.back().end = line.at;
      running = false;
    }
  });
  return spans;
}

std::string last_run_state(std::string_view log) {
  std::string state;
  for_each_line(log, [&](const Line& line) {
    const auto open = line.words.rfind('(');
    if (open != std::string_view::npos) state = line.words.substr(open + 1, line.words.size() - open - 2);
  });
  return state;
}

std::optional<std::string> find_overlap(std::vector<RunSpan> spans) {
  std::sort(spans.begin(), spans.end(), [](const RunSpan& a, const RunSpan& b) { return a.begin < b.begin; });
  const RunSpan* longest = nullptr;
  for (const RunSpan& span : spans) {
    if (longest != nullptr && longest->pid != span.pid && span.begin < end_of(*longest)) {
      return fmt::format("QEMU {} ran from {} to {}, and QEMU {} from {} on", longest->pid, longest->begin,
                         longest->end ? std::to_string(*longest->end) : "its end", span.pid, span.begin);
    }
    if (longest == nullptr || end_of(span) >= end_of(*longest)) longest = &span;
  }
  return std::nullopt;
}

}  // namespace godwit::qemu
