#include "base/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fmt/format.h>

namespace godwit {

Result<UniqueFd> connect_unix_socket(const std::filesystem::path& path, int flags) {
  const UniqueFd there{::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
  if (!there) return fail_errno(path.string());
  struct stat file{};
  if (::fstat(there.get(), &file) != 0) return fail_errno(path.string());
  if (!S_ISSOCK(file.st_mode)) return fail(Code::invalid, path.string() + " is no socket");
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)};
  if (!fd) return fail_errno("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format_to_n(address.sun_path, sizeof address.sun_path - 1, "/proc/self/fd/{}", there.get());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(path.string());
  return fd;
}

}  // namespace godwit
