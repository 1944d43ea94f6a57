// Each verb as a function; a file each.
#pragma once

#include <filesystem>
#include <string>

#include "cli/session.hpp"

namespace godwit::cli {

/// Creates a migration. `node`: "" lets the scheduler choose. With `watch`, follows it and fails unless it succeeds.
[[nodiscard]] Result<> migrate(const Session& session, const std::string& name, const std::string& node, bool watch);
/// Deletes the VM's unfinished migration.
[[nodiscard]] Result<> migrate_cancel(const Session& session, const std::string& name);
/// `action` is "start" or "stop".
[[nodiscard]] Result<> start_or_stop(const Session& session, const std::string& name, const std::string& action);
/// The serial console on this terminal, until Ctrl-] or the end of standard input. Connects again when the guest moved.
[[nodiscard]] Result<> console(const Session& session, const std::string& name);

[[nodiscard]] Result<> image_import(const Session& session, const std::string& name, const std::filesystem::path& file,
                                    bool force);
[[nodiscard]] Result<> image_list(const Session& session);
[[nodiscard]] Result<> image_remove(const Session& session, const std::string& name);

}  // namespace godwit::cli
