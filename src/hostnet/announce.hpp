// Gratuitous ARP: "this address is at this MAC", to everybody on a segment.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace godwit::hostnet {

using Mac = std::array<std::uint8_t, 6>;
[[nodiscard]] Result<Mac> parse_mac(const std::string& text);

/// Says it on one device, of the network namespace that it was made in. It is made ahead of the hand-over, as its
/// socket is slow to open and to close.
class Announcer {
 public:
  /// `mac` "": the device's own, as it is at each announcement. The device may come later.
  [[nodiscard]] static Result<Announcer> create(std::string device, const std::string& address, const std::string& mac);

  Announcer(Announcer&&) = default;
  Announcer& operator=(Announcer&&) = delete;  // repeats under way would lose their socket

  /// Says it now, and again after 50, 150 and 300 ms: a single frame may be lost.
  Result<> announce();
  /// Says it no more.
  void stop() { repeats_ = {}; }

 private:
  Announcer(UniqueFd socket, std::string device, std::uint32_t address, Mac mac)
      : socket_{std::move(socket)}, device_{std::move(device)}, address_{address}, mac_{mac} {}
  UniqueFd socket_;
  std::string device_;
  std::uint32_t address_;  ///< in network byte order
  Mac mac_;                ///< zeros: the device's
  std::jthread repeats_;
};

}  // namespace godwit::hostnet
