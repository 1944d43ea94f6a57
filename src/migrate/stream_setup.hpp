// How QEMU and the tunnel are set up for one migration, on either side. Private to the drivers.
#pragma once

#include "migrate/source_driver.hpp"
#include "migrate/target_driver.hpp"
#include "migrate/tunnel.hpp"
#include "qemu/migration.hpp"

namespace godwit::migrate {

[[nodiscard]] TunnelSpec dial_spec(const SourceSpec& spec);
[[nodiscard]] TunnelSpec listen_spec(const TargetSpec& spec);
/// Capabilities and parameters; all that matters is set, QEMU keeps what an earlier migration left.
Result<> configure_source(qemu::Migration& migration, const SourceSpec& spec, std::int64_t downtime_limit_ms);
/// The same, and QEMU listens on listen_spec()'s socket.
Result<> configure_target(qemu::Migration& migration, const TargetSpec& spec);

}  // namespace godwit::migrate
