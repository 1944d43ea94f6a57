// The trial's guest in the API: a claim cloned from godwit/tiny, a VM, its migrations.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kube/client.hpp"

namespace godwit::trial {

inline constexpr const char* machine_name = "trial";

struct GuestPlace {
  std::string node;
  std::string address;
};

/// Creates claim and VM, or finds them, and waits until the guest runs.
[[nodiscard]] Result<GuestPlace> ensure_guest(const kube::Client& client, std::int64_t memory_mib, Deadline deadline);
/// Its disk image, on the directory that all nodes share.
[[nodiscard]] Result<std::filesystem::path> disk_of_guest(const kube::Client& client);
/// Creates a migration and follows it to its end; `on_progress` sees every change. Returns the final object; its
/// phase says how it ended.
[[nodiscard]] Result<json::Value> migrate_guest(const kube::Client& client,
                                                const std::function<void(const json::Value&)>& on_progress,
                                                Deadline deadline);

}  // namespace godwit::trial
