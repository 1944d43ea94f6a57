// The Node object of a host, as values: what the agent registers and keeps true.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "json/value.hpp"

namespace godwit::node {

struct HostFacts {
  std::string name;
  std::string address;
  std::int64_t cpus = 0;
  std::int64_t memory_bytes = 0;
  std::string accelerator;                 ///< "kvm" or "tcg"
  std::vector<std::string> machine_types;  ///< versioned
  std::vector<std::string> cpu_models;     ///< usable on this host with this accelerator
  std::vector<std::string> cpu_features;
  std::string host_model;  ///< what `host-model` means here
  std::string cpu_vendor;  ///< "" with software emulation
  std::string qemu_version;
  std::string kernel_version;
  std::string os_image;
  std::string machine_id;
  std::string system_uuid;
  std::string boot_id;
  std::uint16_t stream_port = 0;
};

/// The object that a new host registers.
[[nodiscard]] json::Value node_object(const HostFacts& host);
/// Merge patch that brings the labels of an existing Node up to date: a model that its QEMU no longer has goes.
[[nodiscard]] json::Value node_labels_patch(const HostFacts& host, const json::Value& existing);
/// Strategic merge patch of the status subresource: addresses, capacity, Ready=True.
[[nodiscard]] json::Value node_status_patch(const HostFacts& host, WallTime now);
/// Whether the Node says that it is ready (its condition Ready is "True").
[[nodiscard]] bool says_ready(const json::Value& node);

}  // namespace godwit::node
