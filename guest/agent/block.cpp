#include "block.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <vector>

namespace godwit::guest {
namespace {

constexpr off_t label_offset = 32808;  // of ISO 9660
constexpr std::size_t label_size = 32;
constexpr std::size_t block_size = 4096;
std::mutex mounting;

std::vector<std::string> disks() {
  std::vector<std::string> names;
  if (DIR* directory = ::opendir("/sys/block")) {
    while (const dirent* entry = ::readdir(directory)) {
      if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    ::closedir(directory);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string label_of(const std::string& disk) {
  const int fd = ::open(("/dev/" + disk).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  char label[label_size];
  const ssize_t got = ::pread(fd, label, sizeof label, label_offset);
  ::close(fd);
  if (got != static_cast<ssize_t>(sizeof label)) return {};
  std::string text{label, sizeof label};
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string described(const std::string& disk, const std::string& content) {
  std::uint64_t sum = 14695981039346656037ULL;
  for (const char c : content) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(sum));
  std::string line = content.substr(0, content.find('\n'));
  std::replace(line.begin(), line.end(), ' ', '_');
  return "ok device=" + disk + " bytes=" + std::to_string(content.size()) + " sum=" + hex + " line=" + line;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos && name.front() != '.';
}

/// One block for direct I/O.
using Block = std::unique_ptr<char, decltype(&std::free)>;
Block make_block() {
  Block block{static_cast<char*>(std::aligned_alloc(block_size, block_size)), &std::free};
  std::memset(block.get(), 0, block_size);
  return block;
}

}  // namespace

std::string list_disks() {
  std::string answer = "ok";
  for (const std::string& disk : disks()) {
    std::ifstream file{"/sys/block/" + disk + "/size"};
    std::uint64_t sectors = 0;
    file >> sectors;
    answer += " " + disk + "=" + std::to_string(sectors * 512);
  }
  return answer;
}

std::string read_labelled(std::string_view label, std::string_view path) {
  const std::lock_guard lock{mounting};
  for (const std::string& disk : disks()) {
    if (label_of(disk) != label) continue;
    ::mkdir("/tmp/disk", 0700);
    if (::mount(("/dev/" + disk).c_str(), "/tmp/disk", "iso9660", MS_RDONLY, nullptr) != 0) {
      return std::string{"error mount: "} + std::strerror(errno);
    }
    std::ifstream file{"/tmp/disk/" + std::string{path}, std::ios::binary};
    const bool there = static_cast<bool>(file);
    const std::string content{std::istreambuf_iterator<char>{file}, {}};
    file.close();
    ::umount("/tmp/disk");
    return there ? described(disk, content) : "error there is no such file";
  }
  return "error no disk has that label";
}

std::string write_block(std::string_view device, std::string_view text) {
  if (!is_name(device) || text.size() >= block_size) return "error usage: block write DEVICE TEXT";
  const Block block = make_block();
  std::memcpy(block.get(), text.data(), text.size());
  const int fd = ::open(("/dev/" + std::string{device}).c_str(), O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC);
  if (fd < 0) return std::string{"error "} + std::strerror(errno);
  const bool written = ::pwrite(fd, block.get(), block_size, 0) == static_cast<ssize_t>(block_size);
  const int error = errno;
  ::close(fd);
  return written ? "ok" : std::string{"error "} + std::strerror(error);
}

std::string read_block(std::string_view device) {
  if (!is_name(device)) return "error usage: block read DEVICE";
  const Block block = make_block();
  const int fd = ::open(("/dev/" + std::string{device}).c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0) return std::string{"error "} + std::strerror(errno);
  const bool got = ::pread(fd, block.get(), block_size, 0) == static_cast<ssize_t>(block_size);
  ::close(fd);
  if (!got) return "error it cannot be read";
  return "ok text=" + std::string{block.get(), ::strnlen(block.get(), block_size)};
}

}  // namespace godwit::guest
