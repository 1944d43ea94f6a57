// A person at a guest's console, and a viewer at its screen, while it moves.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/process.hpp"
#include "base/text.hpp"
#include "e2e/cluster_fixture.hpp"

namespace godwit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A program on a terminal of its own.
class AtTerminal {
 public:
  explicit AtTerminal(const std::vector<std::string>& argv) : master_{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)} {
    ::grantpt(master_.get());
    ::unlockpt(master_.get());
    const std::string name = ::ptsname(master_.get());
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setsid();
    const int slave = ::open(name.c_str(), O_RDWR);  // becomes the controlling terminal
    for (const int fd : {0, 1, 2}) ::dup2(slave, fd);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  ~AtTerminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  AtTerminal(const AtTerminal&) = delete;
  AtTerminal& operator=(const AtTerminal&) = delete;

  void type(std::string_view keys) const {
    ASSERT_EQ(::write(master_.get(), keys.data(), keys.size()), std::ssize(keys));
  }
  /// Reads until the text has come since the last one seen.
  [[nodiscard]] bool shows(const std::string& text, seconds patience = seconds{30}) {
    const Deadline deadline = Deadline::after(patience);
    for (;;) {
      if (const auto at = seen_.find(text); at != std::string::npos) {
        seen_.erase(0, at + text.size());
        return true;
      }
      pollfd ready{master_.get(), POLLIN, 0};
      if (deadline.passed() || ::poll(&ready, 1, deadline.poll_timeout()) <= 0) return false;
      char buffer[4096];
      const ssize_t n = ::read(master_.get(), buffer, sizeof buffer);
      if (n <= 0) return false;
      seen_.append(buffer, static_cast<std::size_t>(n));
    }
  }
  /// The exit status, once it has ended; -1 when it doesn't.
  [[nodiscard]] int ends() {
    for (const Deadline deadline = Deadline::after(seconds{10}); !deadline.passed();
         (void)sleep_for(milliseconds{20}, {})) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) != pid_) continue;
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    return -1;
  }
  [[nodiscard]] const std::string& seen() const { return seen_; }

 private:
  UniqueFd master_;
  pid_t pid_ = -1;
  std::string seen_;
};

class StreamsTest : public GuestTest {
 protected:
  [[nodiscard]] std::vector<std::string> godwit(std::vector<std::string> words) const {
    std::error_code ignored;
    const auto build = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().parent_path();
    words.insert(words.begin(), (build / "godwit").string());
    words.insert(words.end(), {"--kubeconfig", cluster().kubeconfig().string()});
    return words;
  }
};

TEST_F(StreamsTest, AConsoleFollowsItsGuest) {
  boot("talker");
  AtTerminal person{godwit({"console", name_})};
  ASSERT_TRUE(person.shows("Ctrl-] leaves")) << person.seen();
  person.type("\r");
  ASSERT_TRUE(person.shows("login:")) << person.seen();
  person.type("root\r");
  ASSERT_TRUE(person.shows("# ")) << person.seen();
  person.type("MARK=before; echo one$((1+1))\r");
  ASSERT_TRUE(person.shows("one2")) << person.seen();

  const auto second = run_program({.argv = godwit({"console", name_})}, Deadline::after(seconds{20}));
  ASSERT_TRUE(second);
  EXPECT_NE(second->err.find("another client has the console"), std::string::npos) << second->err;

  const auto migration = begin_migration();
  ASSERT_TRUE(migration) << migration.error().message;
  EXPECT_EQ(json::string_at(wait_for_end(*migration), "/status/phase"), "Succeeded");
  ASSERT_TRUE(person.shows("connected again")) << person.seen();
  person.type("echo $MARK$((2+2))\r");
  ASSERT_TRUE(person.shows("before4")) << person.seen();
  person.type("\x1d");
  EXPECT_EQ(person.ends(), 0);
}

TEST_F(StreamsTest, ItsAgentIsHeard) {
  boot("speaker");
  const auto connected = [&] {
    const auto now = vmi();
    for (const auto& condition : json::array_at(now, "/status/conditions")) {
      if (json::string_at(condition, "/type") == "AgentConnected") return true;
    }
    return false;
  };
  ASSERT_TRUE(eventually(connected));
  EXPECT_EQ(json::string_at(vmi(), "/status/guestOSInfo/id"), "godwit-tiny");
  EXPECT_TRUE(eventually([&] { return json::string_at(vmi(), "/status/interfaces/0/interfaceName") == "eth0"; }))
      << json::write_pretty(vmi());
  const auto ask = [&](const std::string& what) {
    return client().call(
        "GET", "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/" + name_ + "/" + what);
  };
  const auto info = ask("guestosinfo");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(json::string_at(*json::parse(*info), "/os/prettyName"), "Godwit tiny guest") << *info;
  EXPECT_TRUE(ask("userlist"));
  EXPECT_TRUE(ask("filesystemlist"));
  const auto migration = begin_migration();
  ASSERT_TRUE(migration) << migration.error().message;
  EXPECT_EQ(json::string_at(wait_for_end(*migration), "/status/phase"), "Succeeded");
  EXPECT_TRUE(ask("guestosinfo")) << "after the guest moved";
}

/// What a viewer gets to know of the screen, by RFB 3.8.
struct Screen {
  int width = 0;
  int height = 0;
  std::string name;
};

Result<std::string> receive(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t have = 0; have < size;) {
    const ssize_t n = ::recv(fd, bytes.data() + have, size - have, 0);
    if (n <= 0) return fail(Code::unavailable, "the screen's connection ended");
    have += static_cast<std::size_t>(n);
  }
  return bytes;
}

int number(const std::string& bytes, std::size_t at, std::size_t size) {
  int value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

Result<Screen> look(int port) {
  const UniqueFd fd{::socket(AF_INET, SOCK_STREAM, 0)};
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("connect");
  const auto say = [&](std::string_view bytes) { (void)::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); };
  const auto version = receive(fd.get(), 12);
  if (!version) return fail(version.error());
  if (*version != "RFB 003.008\n") return fail(Code::invalid, *version);
  say(*version);
  const auto count = receive(fd.get(), 1);
  if (!count) return fail(count.error());
  const auto ways = receive(fd.get(), static_cast<std::size_t>(number(*count, 0, 1)));
  if (!ways || ways->find('\x01') == std::string::npos) return fail(Code::invalid, "no way in without a password");
  say("\x01");
  const auto accepted = receive(fd.get(), 4);
  if (!accepted || number(*accepted, 0, 4) != 0) return fail(Code::forbidden, "refused");
  say("\x01");  // shared
  const auto init = receive(fd.get(), 24);
  if (!init) return fail(init.error());
  const auto name = receive(fd.get(), static_cast<std::size_t>(number(*init, 20, 4)));
  if (!name) return fail(name.error());
  // One whole picture, as it is.
  say(std::string("\x03\x00\x00\x00\x00\x00", 6) + init->substr(0, 4));
  const auto update = receive(fd.get(), 16);
  if (!update) return fail(update.error());
  if ((*update)[0] != 0 || number(*update, 2, 2) < 1) return fail(Code::invalid, "no picture");
  return Screen{.width = number(*init, 0, 2), .height = number(*init, 2, 2), .name = *name};
}

TEST_F(StreamsTest, ItsScreenIsSeenBeforeAndAfterItMoves) {
  boot("seen");
  AtTerminal proxy{godwit({"vnc", name_, "--proxy-only", "--port", "45907"})};
  ASSERT_TRUE(proxy.shows("127.0.0.1:45907")) << proxy.seen();
  for (int round = 0; round < 2; ++round) {
    const auto screen = look(45907);
    ASSERT_TRUE(screen) << screen.error().message;
    EXPECT_GT(screen->width, 100);
    EXPECT_GT(screen->height, 100);
    EXPECT_NE(screen->name.find(name_), std::string::npos) << screen->name;
    if (round > 0) break;
    const auto migration = begin_migration();
    ASSERT_TRUE(migration) << migration.error().message;
    EXPECT_EQ(json::string_at(wait_for_end(*migration), "/status/phase"), "Succeeded");
  }
}

}  // namespace
}  // namespace godwit
