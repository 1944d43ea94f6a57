#include "qemu/qmp_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "base/unix_socket.hpp"

namespace godwit::qemu {

Result<UniqueFd> connect_once(const std::filesystem::path& path) {
  if (path.string().size() >= sizeof sockaddr_un{}.sun_path)
    return fail(Code::invalid, path.string() + " is too long for a socket");
  return connect_unix_socket(path, SOCK_NONBLOCK);
}

Result<UniqueFd> connect_to(const std::filesystem::path& path, Deadline deadline) {
  for (;;) {
    auto fd = connect_once(path);
    if (fd || fd.error().code == Code::invalid) return fd;
    if (deadline.passed()) return fail(Code::timeout, "monitor: " + fd.error().message);
    std::this_thread::sleep_for(connect_pause);
  }
}

Result<> send_all(int socket, std::string_view text, std::span<const int> fds, Deadline deadline) {
  while (!text.empty()) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(most_fds * sizeof(int))> control{};
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(fds.size_bytes());
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fds.size_bytes());
      std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
      fds = {};
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(Code::unavailable, fmt::format("monitor: {}", std::strerror(errno)));
    pollfd writable{socket, POLLOUT, 0};
    if (::poll(&writable, 1, deadline.poll_timeout()) == 0) return fail(Code::timeout, "the monitor takes no command");
  }
  return {};
}

}  // namespace godwit::qemu
