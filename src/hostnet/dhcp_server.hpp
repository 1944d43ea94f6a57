// A DHCP server for one guest, on its tap alone: it has one lease, for ever.
#pragma once

#include <memory>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "hostnet/dhcp_packet.hpp"
#include "hostnet/vm_port.hpp"

namespace godwit::hostnet {

/// The lease of a port's guest.
[[nodiscard]] Result<DhcpLease> lease_of(const PortSpec& port);

/// Serves from start() to destruction. Frames that leave towards the guest (another guest's broadcast on a bridge) are
/// not its business and are ignored.
class DhcpServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<DhcpServer>> start(const PortSpec& port);

 private:
  DhcpServer(PortSpec port, DhcpLease lease, Mac client, UniqueFd socket);
  void serve(const std::stop_token& stop);
  void answer(std::span<const std::uint8_t> frame) const;

  PortSpec port_;
  DhcpLease lease_;
  Mac client_;
  UniqueFd socket_;
  Log log_{"dhcp"};
  std::jthread thread_;
};

}  // namespace godwit::hostnet
