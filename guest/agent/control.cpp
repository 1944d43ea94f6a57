#include "control.hpp"

#include <charconv>
#include <vector>

#include "block.hpp"
#include "power.hpp"

namespace godwit::guest {
namespace {

using Words = std::vector<std::string_view>;

Words words_of(std::string_view line) {
  Words words;
  while (true) {
    const auto start = line.find_first_not_of(" \t\r");
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const auto length = std::min(line.find_first_of(" \t\r"), line.size());
    words.push_back(line.substr(0, length));
    line.remove_prefix(length);
  }
}

/// The word as a number; false when there is none or it is no number.
bool number_at(const Words& words, std::size_t index, std::uint64_t& number) {
  if (index >= words.size()) return false;
  const std::string_view word = words[index];
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc{} && end == word.data() + word.size();
}

std::string on_pattern(Pattern& pattern, const Words& words) {
  const std::string_view verb = words.size() > 1 ? words[1] : "";
  if (verb == "verify") return pattern.verify();
  if (verb == "clear") return pattern.clear();
  std::uint64_t mib = 0;
  std::uint64_t seed = 1;
  if (verb != "set" || !number_at(words, 2, mib) || mib == 0 || (words.size() > 3 && !number_at(words, 3, seed))) {
    return "error usage: pattern set MIB [SEED] | verify | clear";
  }
  return pattern.set(mib, seed);
}

std::string on_dirty(Dirtier& dirtier, const Words& words) {
  const std::string_view verb = words.size() > 1 ? words[1] : "";
  if (verb == "status") return "ok " + dirtier.describe();
  if (verb == "stop") return dirtier.stop();
  std::uint64_t region = 0;
  std::uint64_t rate = 0;
  if (!number_at(words, 1, region) || !number_at(words, 2, rate)) {
    return "error usage: dirty REGION_MB RATE_MB_S | status | stop";
  }
  return dirtier.start(region, rate);
}

std::string on_disk(DiskWriter& disk, const Words& words) {
  const std::string_view verb = words.size() > 1 ? words[1] : "";
  if (verb == "status") return "ok " + disk.describe();
  if (verb == "stop") return disk.stop();
  std::uint64_t rate = 0;
  if (verb != "start" || !number_at(words, 2, rate)) return "error usage: disk start BLOCKS_PER_S | status | stop";
  return disk.start(rate);
}

std::string on_connect(Outbound& outbound, const Words& words) {
  const std::string_view verb = words.size() > 1 ? words[1] : "";
  if (verb == "status") return "ok " + outbound.describe();
  if (verb == "close") return outbound.close();
  std::uint64_t port = 0;
  if (!number_at(words, 2, port) || port == 0 || port > 65535) {
    return "error usage: connect ADDRESS PORT | status | close";
  }
  return outbound.open(std::string{verb}, static_cast<std::uint16_t>(port));
}

std::string on_block(const Words& words) {
  const std::string_view verb = words.size() > 1 ? words[1] : "";
  if (verb == "list") return list_disks();
  if (verb == "file" && words.size() > 3) return read_labelled(words[2], words[3]);
  if (verb == "write" && words.size() > 3) return write_block(words[2], words[3]);
  if (verb == "read" && words.size() > 2) return read_block(words[2]);
  return "error usage: block list | file LABEL PATH | write DEVICE WORD | read DEVICE";
}

}  // namespace

std::string Control::execute(std::string_view line) {
  const Words words = words_of(line);
  if (words.empty()) return "error empty command";
  if (words[0] == "ping") return "ok pong";
  if (words[0] == "heartbeat") return "ok " + heartbeat_.describe();
  if (words[0] == "pattern") return on_pattern(pattern_, words);
  if (words[0] == "dirty") return on_dirty(dirtier_, words);
  if (words[0] == "disk") return on_disk(disk_, words);
  if (words[0] == "connect") return on_connect(outbound_, words);
  if (words[0] == "block") return on_block(words);
  if (words[0] == "power") return power(words.size() > 1 ? words[1] : "");
  return "error unknown command; known: ping heartbeat pattern dirty disk connect block power";
}

}  // namespace godwit::guest
