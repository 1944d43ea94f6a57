#include "base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/random.hpp"
#include "base/unique_fd.hpp"

namespace godwit {
namespace {

Result<> write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return fail_errno("write");
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return fail_errno(path.string());
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n == 0) return content;
    if (n < 0) {
      if (errno == EINTR) continue;
      return fail_errno(path.string());
    }
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  const std::filesystem::path temporary = path.string() + "." + random_token(8) + ".tmp";
  UniqueFd fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
  if (!fd) return fail_errno(temporary.string());
  Result<> written = write_all(fd.get(), content);
  if (written && ::fsync(fd.get()) != 0) written = fail_errno("fsync");
  fd.reset();
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = fail_errno("rename");
  if (!written) {
    ::unlink(temporary.c_str());
    return fail(written.error().within(path.string()));
  }
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
  const UniqueFd directory{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory) ::fsync(directory.get());
  return {};
}

Result<> make_directory(const std::filesystem::path& path, mode_t mode) {
  if (path.has_parent_path() && path.parent_path() != path) {
    std::error_code error;
    if (!std::filesystem::exists(path.parent_path(), error)) {
      if (auto made = make_directory(path.parent_path(), 0755); !made) return made;
    }
  }
  if (::mkdir(path.c_str(), mode) != 0) {
    if (errno != EEXIST) return fail_errno(path.string());
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) return fail_errno(path.string(), ENOTDIR);
  }
  return {};
}

Result<> check_enterable_by_all(const std::filesystem::path& directory) {
  std::filesystem::path path;
  for (const auto& part : std::filesystem::absolute(directory)) {
    path /= part;
    std::error_code error;
    const auto mode = std::filesystem::status(path, error).permissions();
    if (!error && (mode & std::filesystem::perms::others_exec) == std::filesystem::perms::none) {
      return fail(Code::forbidden, "QEMU's user cannot enter " + path.string() +
                                       ": choose another directory, or run `chmod o+x " + path.string() + "`");
    }
  }
  return {};
}

Result<TemporaryDirectory> TemporaryDirectory::create(std::string_view prefix) {
  std::error_code error;
  std::string pattern = (std::filesystem::temp_directory_path(error) / (std::string{prefix} + "-XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) return fail_errno(pattern);
  return TemporaryDirectory{pattern};
}

TemporaryDirectory::~TemporaryDirectory() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace godwit
