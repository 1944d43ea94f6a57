#include "hostnet/lab_test.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

#include "hostnet/commands.hpp"

namespace godwit::hostnet {
namespace {

/// struct virtio_net_hdr: <linux/virtio_net.h> does not compile as C++.
struct OffloadHeader {
  std::uint8_t flags = 0;  ///< 1: the checksum is to be completed
  std::uint8_t gso_type = 0;
  std::array<std::uint16_t, 4> rest{};
};
static_assert(sizeof(OffloadHeader) == 10);

/// What QEMU switches on when the guest's driver takes the offers of virtio-net.
void take_offload(int tap) { ::ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6); }

UniqueFd open_card(const std::string& name) {
  UniqueFd fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)};
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return {};
  take_offload(fd.get());
  return fd;
}

std::string masquerade_address() { return fmt::format("{}/{}", masquerade_guest, masquerade_prefix_length); }

}  // namespace

Namespace::Namespace() {
  std::thread{[this] {
    if (::unshare(CLONE_NEWNET) == 0) fd_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }}.join();
  if (!fd_) throw std::runtime_error{"no network namespace"};
  ip_lines({"link set lo up"});
}

std::string Namespace::path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get()); }

void Namespace::enter() const {
  if (::setns(fd_.get(), CLONE_NEWNET) != 0) std::abort();
}

void Namespace::ip_lines(const std::vector<std::string>& lines) const {
  const auto done = run([&] { return ip_batch(lines); });
  EXPECT_TRUE(done) << done.error().message;
}

OverlaySpec Lab::node_overlay(const std::string& address) {
  return {.address = address, .pod_cidr = pod_cidr, .gateway = gateway_ip, .vni = 100, .mtu = 1450};
}

GatewaySpec Lab::gateway_spec() const {
  GatewaySpec spec{.overlay = node_overlay("10.9.0.1"), .prefix_length = 20, .table = "godwit-test"};
  spec.overlay.bridge = "pods";
  spec.overlay.vxlan = "podsvx";
  return spec;
}

void Lab::link_to_underlay(const Namespace& ns, const std::string& address) {
  const std::string end = fmt::format("end{}", ++links_);
  wire.ip_lines({fmt::format("link add {} type veth peer name underlay netns {}", end, ns.path()),
                 fmt::format("link set {} master wire up", end)});
  ns.ip_lines({fmt::format("address add {}/24 dev underlay", address), "link set underlay up"});
}

Lab::Lab() {
  wire.ip_lines({"link add wire type bridge stp_state 0 forward_delay 0", "link set wire up"});
  link_to_underlay(gateway, "10.9.0.1");
  a.address = "10.9.0.11";
  b.address = "10.9.0.12";
  for (Node* node : {&a, &b}) {
    link_to_underlay(node->ns, node->address);
    const std::string other = node == &a ? b.address : a.address;
    node->ns.run([&] {
      auto made = Overlay::set_up(node_overlay(node->address));
      ASSERT_TRUE(made) << made.error().message;
      node->overlay = std::move(*made);
      const auto set = node->overlay->set_peers({other, "10.9.0.1"});
      ASSERT_TRUE(set) << set.error().message;
    });
  }
  gateway.ip_lines({fmt::format("link add out type veth peer name in netns {}", outside.path()),
                    "address add 203.0.113.1/24 dev out", "link set out up"});
  outside.ip_lines({fmt::format("address add {}/24 dev in", outside_ip), "link set in up"});
  gateway.run([&] {
    const auto made = set_up_gateway(gateway_spec());
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_TRUE(set_sysctl("net.ipv4.ip_forward", "1"));
    const auto peers = set_overlay_peers(gateway_spec().overlay, {a.address, b.address});
    ASSERT_TRUE(peers) << peers.error().message;
  });
}

PortSpec Lab::port_spec(const std::string& tap, Binding binding, int number) {
  return {.tap = tap,
          .binding = binding,
          .mac = fmt::format("02:00:00:00:00:{:02x}", number),
          .pod_ip = fmt::format("198.19.0.{}", number),
          .prefix_length = 20,
          .gateway = gateway_ip,
          .mtu = 1450,
          .hostname = fmt::format("guest-{}", number)};
}

FakeGuest::FakeGuest(const std::string& mac, const std::string& address, const std::string& gateway, int mtu)
    : card_{ns_.run([] { return open_card("eth0"); })}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  EXPECT_TRUE(card_);
  (void)ns_.run([] { return set_sysctl("net.ipv6.conf.all.disable_ipv6", "1"); });
  ns_.ip_lines({fmt::format("link set eth0 address {} mtu {} up", mac, mtu),
                fmt::format("address add {} dev eth0", address), fmt::format("route add default via {}", gateway)});
  thread_ = std::jthread{[this](const std::stop_token& stop) { pump(stop); }};
}

FakeGuest::~FakeGuest() {
  thread_.request_stop();
  ::eventfd_write(wake_.get(), 1);
}

UniqueFd FakeGuest::plug(UniqueFd tap) {
  if (tap) {
    ::fcntl(tap.get(), F_SETFL, O_NONBLOCK);
    take_offload(tap.get());
  }
  const std::lock_guard lock{mutex_};
  std::swap(tap, tap_);
  ::eventfd_write(wake_.get(), 1);
  return tap;
}

void FakeGuest::pump(const std::stop_token& stop) {
  std::vector<char> frame(1 << 17);
  const auto move = [&](int from, int to) -> std::optional<OffloadHeader> {
    const ssize_t n = ::read(from, frame.data(), frame.size());
    if (n <= static_cast<ssize_t>(sizeof(OffloadHeader))) return std::nullopt;
    OffloadHeader header{};
    std::memcpy(&header, frame.data(), sizeof header);
    if (to >= 0) (void)!::write(to, frame.data(), static_cast<std::size_t>(n));
    return header;
  };
  while (!stop.stop_requested()) {
    int tap = -1;
    {
      const std::lock_guard lock{mutex_};
      tap = tap_.get();
    }
    std::array<pollfd, 3> p{{{card_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}, {tap, POLLIN, 0}}};
    ::poll(p.data(), p.size(), -1);
    eventfd_t ignored = 0;
    if ((p[1].revents & POLLIN) != 0) ::eventfd_read(wake_.get(), &ignored);
    const std::lock_guard lock{mutex_};
    if (tap != tap_.get()) continue;
    while (const auto header = move(card_.get(), tap)) {
      if ((header->flags & 1) != 0) ++incomplete_;
      if (header->gso_type != 0) ++large_;
    }
    while (tap >= 0) {
      const auto header = move(tap, card_.get());
      if (!header) break;
      if (header->gso_type != 0) ++large_in_;
    }
  }
}

Attached::Attached(Lab&, Lab::Node& node, Binding binding, int number, Hook hook)
    : spec{Lab::port_spec(fmt::format("gwt{}", number), binding, number)},
      guest{spec.mac, binding == Binding::masquerade ? masquerade_address() : spec.pod_ip + "/20",
            binding == Binding::masquerade ? std::string{masquerade_gateway} : spec.gateway, spec.mtu},
      at{&node} {
  node.ns.run([&] {
    auto created = VmPort::create(spec, hook);
    ASSERT_TRUE(created) << created.error().message;
    guest.plug(std::move(created->tap));
    port.emplace(std::move(created->port));
    const auto attached = port->attach();
    ASSERT_TRUE(attached) << attached.error().message;
  });
}

void Attached::move_to(Lab::Node& to) {
  auto created = to.ns.run([&] { return VmPort::create(spec); });
  ASSERT_TRUE(created) << created.error().message;
  const UniqueFd left = guest.plug(std::move(created->tap));
  const auto detached = at->ns.run([&] { return port->detach(); });
  ASSERT_TRUE(detached) << detached.error().message;
  const auto attached = to.ns.run([&] { return created->port.attach(); });
  ASSERT_TRUE(attached) << attached.error().message;
  const auto removed = at->ns.run([&] { return port->remove(); });
  EXPECT_TRUE(removed) << removed.error().message;
  port.emplace(std::move(created->port));
  at = &to;
}

}  // namespace godwit::hostnet
