#include "node/guest.hpp"

namespace godwit::node {

Result<> GuestNetwork::attach() {
  for (const auto& port : guest_->ports) {
    if (auto attached = port->attach(); !attached) return attached;
  }
  return {};
}

Result<> GuestNetwork::detach() {
  for (const auto& port : guest_->ports) {
    if (auto detached = port->detach(); !detached) return detached;
  }
  return {};
}

Result<> GuestNetwork::announce() {
  for (const auto& port : guest_->ports) {
    if (auto announced = port->announce(); !announced) return announced;
  }
  return {};
}

}  // namespace godwit::node
