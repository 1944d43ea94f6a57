// Network namespaces for tests: nameless, so that the kernel removes them with the process, however it ends.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/unique_fd.hpp"
#include "hostnet/gateway.hpp"
#include "hostnet/overlay.hpp"
#include "hostnet/vm_port.hpp"

namespace godwit::hostnet {

class Namespace {
 public:
  Namespace();
  /// For `ip … netns`.
  [[nodiscard]] std::string path() const;
  /// Runs the function in this namespace and returns what it returns. Sockets made there stay there.
  template <class F>
  auto run(F&& function) const {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      std::thread{[&] { enter(), function(); }}.join();
    } else {
      std::optional<std::invoke_result_t<F>> result;
      std::thread{[&] { enter(), result.emplace(function()); }}.join();
      return std::move(*result);
    }
  }
  /// ip commands, one a line; a failed one fails the test.
  void ip_lines(const std::vector<std::string>& lines) const;

 private:
  void enter() const;
  UniqueFd fd_;
};

/// Two nodes and a gateway on one underlay, and somebody outside behind the gateway who knows no route to guests.
class Lab {
 public:
  struct Node {
    Namespace ns;
    std::string address;
    std::unique_ptr<Overlay> overlay;
  };
  static constexpr const char* pod_cidr = "198.19.0.0/20";
  static constexpr const char* gateway_ip = "198.19.0.1";
  static constexpr const char* outside_ip = "203.0.113.2";

  Lab();
  [[nodiscard]] static PortSpec port_spec(const std::string& tap, Binding binding, int number);
  [[nodiscard]] static OverlaySpec node_overlay(const std::string& address);
  [[nodiscard]] GatewaySpec gateway_spec() const;
  void link_to_underlay(const Namespace& ns, const std::string& address);

  Namespace wire;
  Namespace gateway;
  Namespace outside;
  Node a;
  Node b;

 private:
  int links_ = 0;
};

/// Stands for a guest with its virtio NIC: a kernel with a tap of its own whose frames are pumped, offload headers and
/// all, into and out of the tap of a port.
class FakeGuest {
 public:
  /// `address` with its prefix length, e.g. 10.0.2.2/24.
  FakeGuest(const std::string& mac, const std::string& address, const std::string& gateway, int mtu);
  ~FakeGuest();
  /// From now on its frames go to this tap. An earlier one's descriptor is returned: still open, but with no reader.
  UniqueFd plug(UniqueFd tap);
  [[nodiscard]] const Namespace& ns() const { return ns_; }
  /// Frames that the guest sent with an incomplete checksum; of those, how many were larger than any packet.
  [[nodiscard]] int incomplete_checksums() const { return incomplete_; }
  [[nodiscard]] int large_sends() const { return large_; }
  /// Large ones that reached the guest.
  [[nodiscard]] int large_receptions() const { return large_in_; }

 private:
  void pump(const std::stop_token& stop);
  Namespace ns_;
  UniqueFd card_;
  UniqueFd wake_;
  std::mutex mutex_;
  UniqueFd tap_;
  std::atomic<int> incomplete_ = 0;
  std::atomic<int> large_ = 0;
  std::atomic<int> large_in_ = 0;
  std::jthread thread_;
};

/// A masquerade or bridge guest with a port on a node.
struct Attached {
  Attached(Lab& lab, Lab::Node& node, Binding binding, int number, Hook hook = Hook::best);
  /// Moves it as a hand-over does: a new port, detached; frames go there; the old one detached, the new one attached.
  void move_to(Lab::Node& to);

  PortSpec spec;
  FakeGuest guest;
  Lab::Node* at;
  std::optional<VmPort> port;
};

/// Skips the test unless this process may make namespaces.
#define GODWIT_NEEDS_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it makes network namespaces"

}  // namespace godwit::hostnet
