// Address translation alone, under real traffic between a guest and a host beyond its node: a veth pair stands for the
// tap. The guest leaves checksums and segmentation to others; the node's devices offer neither, so its kernel completes
// what the translation has changed, and the receiver verifies it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>

#include <fmt/format.h>

#include "base/unique_fd.hpp"
#include "hostnet/commands.hpp"
#include "hostnet/translation.hpp"

namespace godwit::hostnet {
namespace {

constexpr const char* inside = "10.0.2.2";
constexpr const char* outside = "198.19.0.10";
constexpr const char* far_host = "203.0.113.2";
constexpr std::uint16_t port = 7009;

/// Nameless: the kernel removes it once nothing holds it, however the test ends.
class Space {
 public:
  Space() {
    std::thread{[this] {
      if (::unshare(CLONE_NEWNET) == 0) fd_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }}.join();
  }
  [[nodiscard]] std::string path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get()); }
  void run(const std::function<void()>& function) const {
    std::thread{[&] {
      ASSERT_EQ(::setns(fd_.get(), CLONE_NEWNET), 0);
      function();
    }}.join();
  }
  void ip_lines(const std::vector<std::string>& lines) const {
    run([&] {
      const auto done = ip_batch(lines);
      EXPECT_TRUE(done) << done.error().message;
    });
  }

 private:
  UniqueFd fd_;
};

sockaddr_in endpoint(const std::string& address) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &made.sin_addr);
  return made;
}

sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

std::string name_of(const sockaddr_in& address) {
  char text[INET_ADDRSTRLEN];
  return ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
}

UniqueFd open_in(const Space& space, int type, bool bound) {
  UniqueFd fd;
  space.run([&] {
    fd.reset(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const timeval patience{5, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in any = endpoint("0.0.0.0");
    if (bound) ASSERT_EQ(::bind(fd.get(), generic(any), sizeof any), 0);
  });
  return fd;
}

std::string pattern(std::size_t size, unsigned seed) {
  std::string made(size, '\0');
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<char>(((i + seed) * 2654435761U) >> 13U);
  return made;
}

void expect_carried(const UniqueFd& from, const UniqueFd& to, unsigned seed) {
  const std::string sent = pattern(4U << 20U, seed);
  std::thread writer{[&] {
    for (std::size_t done = 0; done < sent.size();) {
      const ssize_t n = ::send(from.get(), sent.data() + done, sent.size() - done, MSG_NOSIGNAL);
      if (n <= 0) return;
      done += static_cast<std::size_t>(n);
    }
  }};
  std::string got(sent.size(), '\0');
  std::size_t done = 0;
  while (done < got.size()) {
    const ssize_t n = ::recv(to.get(), got.data() + done, got.size() - done, 0);
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  writer.join();
  EXPECT_TRUE(done == sent.size() && got == sent) << done << " of " << sent.size() << " bytes";
}

/// Of a device in the calling thread's namespace.
void offer_no_checksums(const std::string& device) {
  const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ethtool_value off{ETHTOOL_STXCSUM, 0};
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&off);
  ASSERT_EQ(::ioctl(socket.get(), SIOCETHTOOL, &request), 0) << device;
}

struct Traffic {
  std::uint64_t bytes = 0;
  std::uint64_t frames = 0;
};

/// What the tap has received, of the calling thread's namespace.
Traffic received_at_tap() {
  Traffic traffic;
  std::ifstream devices{"/proc/thread-self/net/dev"};
  for (std::string word; devices >> word;) {
    if (word == "tap:") devices >> traffic.bytes >> traffic.frames;
  }
  return traffic;
}

class TranslatedTraffic : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: network namespaces";
    node.ip_lines({"link set lo up", "link add tap type veth peer name eth0 netns " + guest.path(),
                   "link set tap address 02:00:00:00:00:01 mtu 1450 up", "address add 10.0.2.1/24 dev tap",
                   fmt::format("route add {}/32 dev tap", outside),
                   fmt::format("neighbour add {} lladdr 02:00:00:00:00:02 dev tap", outside)});
    guest.ip_lines(
        {"link set eth0 address 02:00:00:00:00:02 mtu 1450 up", fmt::format("address add {}/24 dev eth0", inside)});
    guest.ip_lines({"route add default via 10.0.2.1"});
    node.ip_lines({"link add uplink type veth peer name card netns " + far.path(), "link set uplink mtu 1450 up",
                   "address add 203.0.113.1/24 dev uplink"});
    far.ip_lines({"link set card mtu 1450 up", fmt::format("address add {}/24 dev card", far_host),
                  fmt::format("route add {} via 203.0.113.1", outside)});
    node.run([] {
      ASSERT_TRUE(set_sysctl("net.ipv4.ip_forward", "1"));
      offer_no_checksums("tap");
      offer_no_checksums("uplink");
    });
    node.run([] {
      const auto done = translate("tap", inside, outside);
      ASSERT_TRUE(done) << done.error().message;
    });
  }
  Space node;
  Space guest;
  Space far;
};

TEST_F(TranslatedTraffic, TcpFromTheGuestAndToIt) {
  for (const bool outward : {true, false}) {
    const Space& client_at = outward ? guest : far;
    const UniqueFd listener = open_in(outward ? far : guest, SOCK_STREAM, true);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    const UniqueFd client = open_in(client_at, SOCK_STREAM, false);
    sockaddr_in there = endpoint(outward ? far_host : outside);
    ASSERT_EQ(::connect(client.get(), generic(there), sizeof there), 0) << outward;
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    const UniqueFd server{::accept4(listener.get(), generic(peer), &size, SOCK_CLOEXEC)};
    ASSERT_TRUE(server);
    EXPECT_EQ(name_of(peer), outward ? outside : far_host);
    expect_carried(client, server, 1);
    expect_carried(server, client, 2);
  }
  node.run([] {
    const Traffic traffic = received_at_tap();
    EXPECT_GT(traffic.bytes, (8U << 20U));
    EXPECT_GT(traffic.bytes, traffic.frames * 1464)
        << "no segment larger than a frame: nothing is proven about offload";
  });
}

TEST_F(TranslatedTraffic, UdpWholeAndInFragments) {
  const UniqueFd in_guest = open_in(guest, SOCK_DGRAM, true);
  const UniqueFd in_far = open_in(far, SOCK_DGRAM, true);
  for (const std::size_t bytes : {0U, 1U, 1422U, 9000U, 60000U}) {
    std::string got(65536, '\0');
    const std::string asked = pattern(bytes, 3);
    sockaddr_in there = endpoint(outside);
    ::sendto(in_far.get(), asked.data(), bytes, 0, generic(there), sizeof there);
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    ASSERT_EQ(::recvfrom(in_guest.get(), got.data(), got.size(), 0, generic(peer), &size), static_cast<ssize_t>(bytes));
    EXPECT_EQ(got.compare(0, bytes, asked), 0) << bytes;
    EXPECT_EQ(name_of(peer), far_host);
    const std::string answered = pattern(bytes, 4);
    ::sendto(in_guest.get(), answered.data(), bytes, 0, generic(peer), size);
    ASSERT_EQ(::recvfrom(in_far.get(), got.data(), got.size(), 0, generic(peer), &size), static_cast<ssize_t>(bytes));
    EXPECT_EQ(got.compare(0, bytes, answered), 0) << bytes;
    EXPECT_EQ(name_of(peer), outside);
  }
}

TEST_F(TranslatedTraffic, RefusesWhatIsNoAddressAndNoDevice) {
  node.run([] {
    const auto no_address = translate("tap", "10.0.2", outside);
    ASSERT_FALSE(no_address);
    EXPECT_EQ(no_address.error().code, Code::invalid);
    const auto no_device = translate("nothing", inside, outside);
    ASSERT_FALSE(no_device);
    EXPECT_EQ(no_device.error().code, Code::not_found);
  });
}

}  // namespace
}  // namespace godwit::hostnet
