#include "migrate/stream_setup.hpp"

#include <fmt/format.h>

#include <set>

#include "migrate/driver_support.hpp"

namespace godwit::migrate {
namespace {

constexpr std::int64_t unlimited = 1'000'000'000'000;
// QEMU turns the throttle once a pass, and passes over a slow link are long: its own 20 and 10 come too late.
constexpr int first_throttle_percent = 50;
constexpr int more_throttle_percent = 20;

template <class Spec>
TunnelSpec common(const Spec& spec, const std::string& peer) {
  TunnelSpec out;
  out.certificate = spec.credentials.certificate;
  out.key = spec.credentials.key;
  out.ca = spec.credentials.ca;
  out.peer_name = "system:node:" + peer;
  out.token = spec.migration_uid;
  out.control = spec.directory / "tunnel.sock";
  out.bytes_per_second = spec.bandwidth_limit;
  return out;
}

}  // namespace

TunnelSpec dial_spec(const SourceSpec& spec) {
  auto out = common(spec, spec.target);
  out.mode = TunnelSpec::Mode::dial;
  out.unix_socket = spec.directory / "outgoing.sock";
  out.address = spec.target_address;
  out.first_port = out.last_port = spec.target_port;
  out.socket_uid = spec.qemu_uid;
  return out;
}

TunnelSpec listen_spec(const TargetSpec& spec) {
  auto out = common(spec, spec.source);
  out.mode = TunnelSpec::Mode::listen;
  out.unix_socket = spec.directory / "incoming.sock";
  out.address = spec.address;
  out.first_port = spec.first_port;
  out.last_port = spec.last_port;
  return out;
}

Result<> configure_source(qemu::Migration& migration, const SourceSpec& spec, std::int64_t downtime_limit_ms) {
  std::set<std::string> capabilities = {"events", "return-path", "pause-before-switchover", "validate-uuid"};
  if (spec.channels > 1) capabilities.insert("multifd");
  if (spec.auto_converge) capabilities.insert("auto-converge");
  if (auto ok = migration.set_capabilities(capabilities, Deadline::after(quick)); !ok) return ok;
  qemu::MigrationParameters parameters;
  parameters.max_bandwidth = spec.bandwidth_limit > 0 ? spec.bandwidth_limit : unlimited;
  parameters.downtime_limit_ms = downtime_limit_ms;
  parameters.multifd_channels = spec.channels;
  parameters.throttle_initial = first_throttle_percent;
  parameters.throttle_increment = more_throttle_percent;
  return migration.set_parameters(parameters, Deadline::after(quick));
}

Result<> configure_target(qemu::Migration& migration, const TargetSpec& spec) {
  std::set<std::string> capabilities = {"events", "return-path", "late-block-activate", "validate-uuid"};
  if (spec.channels > 1) capabilities.insert("multifd");
  if (auto ok = migration.set_capabilities(capabilities, Deadline::after(quick)); !ok) return ok;
  qemu::MigrationParameters parameters;
  parameters.max_bandwidth = unlimited;
  parameters.multifd_channels = spec.channels;
  parameters.announce_rounds = 0;  // before `cont` QEMU would announce a guest that isn't here yet
  if (auto ok = migration.set_parameters(parameters, Deadline::after(quick)); !ok) return ok;
  return migration.incoming(fmt::format("unix:{}", listen_spec(spec).unix_socket.string()), Deadline::after(quick));
}

}  // namespace godwit::migrate
