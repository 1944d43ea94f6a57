// One channel: QEMU's unix connection and its TLS connection, pumped both ways until both have ended. Private to the
// tunnel.
#pragma once

#include "base/unique_fd.hpp"
#include "migrate/tunnel_session.hpp"
#include "migrate/tunnel_tls.hpp"

namespace godwit::migrate {

/// Blocks until the channel has ended. An end of one side is passed on only when that side closed in order; anything
/// else cuts the other side off, so that nobody mistakes a part for the whole. One thread serves both ways: a TLS
/// object must not be used by two at a time, and the way back is nearly idle.
[[nodiscard]] ChannelEnd pump(TlsStream& tls, UniqueFd local, Session& session);

}  // namespace godwit::migrate
