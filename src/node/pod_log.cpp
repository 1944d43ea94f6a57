#include "node/pod_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace godwit::node {
namespace {

namespace fs = std::filesystem;

constexpr auto agent_log = "agent.log";
constexpr auto qemu_log_name = "qemu.log";
constexpr std::chrono::milliseconds look_again{200};

/// Reads a file that grows.
class GrowingFile {
 public:
  explicit GrowingFile(fs::path path) : path_{std::move(path)} {}

  /// The whole lines that have come since the last time.
  std::vector<LogLine> take() {
    std::ifstream file{path_, std::ios::binary};
    if (!file || !file.seekg(offset_)) return {};
    const std::string fresh{std::istreambuf_iterator<char>{file}, {}};
    offset_ += static_cast<std::streamoff>(fresh.size());
    rest_ += fresh;
    std::vector<std::string> texts = split(rest_, '\n');
    rest_ = texts.back();
    texts.pop_back();
    std::vector<LogLine> lines;
    for (const std::string& text : texts) lines.push_back(parsed(text));
    return lines;
  }
  /// A last line without an end.
  std::vector<LogLine> take_rest() {
    if (rest_.empty()) return {};
    return {parsed(std::exchange(rest_, {}))};
  }

 private:
  LogLine parsed(std::string_view text) {
    LogLine line = parse_log_line(text, stamp_);
    stamp_ = line.stamp;
    return line;
  }

  fs::path path_;
  std::streamoff offset_ = 0;
  std::string rest_;
  std::string stamp_;
};

/// Writes lines in the form that is asked for, up to the limit.
class LineWriter {
 public:
  LineWriter(const LogSelection& selection, const std::function<bool(std::string_view)>& sink)
      : selection_{selection}, sink_{sink}, left_{selection.limit_bytes} {}

  /// False when no more is wanted.
  bool write(const std::vector<LogLine>& lines) {
    std::string text;
    for (const LogLine& line : lines) {
      if (selection_.timestamps && !line.stamp.empty()) text += line.stamp + " ";
      text += line.text + "\n";
    }
    if (left_ && text.size() >= *left_) {
      text.resize(*left_);
      (void)sink_(text);
      return false;
    }
    if (left_) *left_ -= text.size();
    return text.empty() || sink_(text);
  }

 private:
  const LogSelection& selection_;
  const std::function<bool(std::string_view)>& sink_;
  std::optional<std::size_t> left_;
};

}  // namespace

LogLine parse_log_line(std::string_view line, const std::string& stamp_before) {
  const std::size_t space = line.find(' ');
  const std::string_view stamp = line.substr(0, space);
  if (space != std::string_view::npos && stamp.ends_with('Z') && parse_time(stamp))
    return {std::string{stamp}, std::string{line.substr(space + 1)}};
  return {stamp_before, std::string{line}};
}

std::vector<LogLine> merge_by_time(std::vector<LogLine> first, std::vector<LogLine> second) {
  std::vector<LogLine> merged;
  std::merge(std::make_move_iterator(first.begin()), std::make_move_iterator(first.end()),
             std::make_move_iterator(second.begin()), std::make_move_iterator(second.end()), std::back_inserter(merged),
             [](const LogLine& a, const LogLine& b) { return a.stamp < b.stamp; });
  return merged;
}

std::vector<LogLine> select(std::vector<LogLine> lines, const LogSelection& selection) {
  if (selection.since) {
    std::erase_if(lines, [&](const LogLine& line) {
      const auto time = parse_time(line.stamp);
      return time && *time < *selection.since;
    });
  }
  if (selection.tail_lines && lines.size() > *selection.tail_lines) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(*selection.tail_lines));
  }
  return lines;
}

void PodLogs::note(const std::string& pod_uid, std::string_view text) const {
  const fs::path directory = directory_ / pod_uid;
  if (auto made = make_directory(directory, 0700); !made) return Log{"guests"}.warning("{}", made.error().message);
  std::string line = format_micro_time(std::chrono::system_clock::now()) + " ";
  for (const char c : text) line += c == '\n' ? ' ' : c;
  line += '\n';
  const UniqueFd file{::open((directory / agent_log).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
  if (!file || ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    Log{"guests"}.warning("cannot write the log of pod {}", pod_uid);
}

void PodLogs::add_qemu_log(const std::string& pod_uid, const fs::path& qemu_log) const {
  std::error_code error;
  fs::create_hard_link(qemu_log, directory_ / pod_uid / qemu_log_name, error);
  if (error && error != std::errc::file_exists && error != std::errc::no_such_file_or_directory)
    Log{"guests"}.warning("QEMU's log of pod {} will not outlive it: {}", pod_uid, error.message());
}

void PodLogs::remove(const std::string& pod_uid) const {
  std::error_code ignored;
  if (!pod_uid.empty()) fs::remove_all(directory_ / pod_uid, ignored);
}

void PodLogs::keep_only(const std::set<std::string>& pod_uids) const {
  std::error_code ignored;
  std::vector<std::string> others;
  for (const auto& entry : fs::directory_iterator{directory_, ignored}) {
    if (!pod_uids.contains(entry.path().filename().string())) others.push_back(entry.path().filename().string());
  }
  for (const std::string& uid : others) remove(uid);
}

Result<> PodLogs::stream(const std::string& pod_uid, const LogSelection& selection,
                         const std::function<bool()>& is_live, const std::function<bool(std::string_view)>& sink,
                         const std::stop_token& stop) const {
  const fs::path directory = directory_ / pod_uid;
  std::error_code ignored;
  if (pod_uid.find('/') != std::string::npos || !fs::is_directory(directory, ignored))
    return fail(Code::not_found, "no log of pod " + pod_uid + " is kept here");
  GrowingFile agent{directory / agent_log};
  GrowingFile qemu{directory / qemu_log_name};
  LineWriter writer{selection, sink};
  bool ended = !selection.follow || !is_live();
  if (!writer.write(select(merge_by_time(agent.take(), qemu.take()), selection))) return {};
  while (!ended && sleep_for(look_again, stop)) {
    ended = !is_live();
    if (!writer.write(merge_by_time(agent.take(), qemu.take()))) return {};
  }
  (void)writer.write(merge_by_time(agent.take_rest(), qemu.take_rest()));
  return {};
}

}  // namespace godwit::node
