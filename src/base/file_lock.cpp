#include "base/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace godwit {
namespace {

constexpr std::chrono::milliseconds between_tries{20};

}  // namespace

Result<FileLock> FileLock::try_take(const std::filesystem::path& path) {
  std::error_code ignored;
  const int access = std::filesystem::is_directory(path, ignored) ? O_RDONLY | O_DIRECTORY : O_RDWR | O_CREAT;
  UniqueFd fd{::open(path.c_str(), access | O_CLOEXEC, 0600)};
  if (!fd) return fail_errno(path.string());
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock{std::move(fd)};
  if (errno == EWOULDBLOCK) return fail(Code::conflict, path.string() + " is locked by another process");
  return fail_errno(path.string());
}

Result<FileLock> FileLock::take(const std::filesystem::path& path, Deadline deadline) {
  while (true) {
    auto lock = try_take(path);
    if (lock || lock.error().code != Code::conflict) return lock;
    if (deadline.passed()) return fail(Code::timeout, lock.error().message);
    (void)sleep_for(between_tries, {});
  }
}

}  // namespace godwit
