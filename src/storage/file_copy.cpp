#include "storage/file_copy.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace godwit::storage {
namespace {

Result<> copy_range(int source, int target, off_t from, off_t to) {
  std::vector<char> buffer(1U << 20U);
  while (from < to) {
    const auto wanted = static_cast<std::size_t>(std::min<off_t>(to - from, static_cast<off_t>(buffer.size())));
    const ssize_t got = ::pread(source, buffer.data(), wanted, from);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail_errno("reading the image");
    for (ssize_t done = 0; done < got;) {
      const ssize_t written = ::pwrite(target, buffer.data() + done, static_cast<std::size_t>(got - done), from + done);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return fail_errno("writing the volume");
      done += written;
    }
    from += got;
  }
  return {};
}

}  // namespace

Result<> copy_sparsely(int source, int target) {
  if (::ioctl(target, FICLONE, source) == 0) return {};
  struct stat info{};
  if (::fstat(source, &info) != 0) return fail_errno("image");
  if (::ftruncate(target, info.st_size) != 0) return fail_errno("volume");
  off_t at = 0;
  while (at < info.st_size) {
    const off_t data = ::lseek(source, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // only a hole is left
    const off_t begin = data < 0 ? at : data;
    const off_t hole = data < 0 ? -1 : ::lseek(source, begin, SEEK_HOLE);
    const off_t end = hole < 0 ? info.st_size : hole;
    if (auto copied = copy_range(source, target, begin, end); !copied) return copied;
    at = end;
  }
  return {};
}

}  // namespace godwit::storage
