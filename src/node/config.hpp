// What an agent is told when it starts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace godwit::node {

struct AgentConfig {
  std::string name;  ///< of the Node object
  std::filesystem::path kubeconfig;
  std::filesystem::path data;               ///< everything that must survive a restart of the agent
  std::string address;                      ///< InternalIP: underlay, console streams, migrations
  std::string accelerator = "auto";         ///< auto, kvm or tcg
  std::filesystem::path accelerator_cache;  ///< verdict of the KVM probe, shared by the agents of one machine
  std::int64_t memory_bytes = 0;            ///< capacity offered to guests; 0: the machine's
  std::int64_t cpus = 0;                    ///< 0: the machine's
  std::uint16_t stream_port = 0;            ///< TLS port for consoles; 0: any free one
  std::uint16_t first_migration_port = 49152;
  std::uint16_t last_migration_port = 49215;
};

}  // namespace godwit::node
