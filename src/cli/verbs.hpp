// The verbs as functions, a file each. Errors have no prefix: verb_commands.cpp says which verb on which object failed.
// Internal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/session.hpp"

namespace godwit::cli {

struct MigrateOptions {
  std::string name;
  std::string to;      ///< node; "": the scheduler chooses
  bool watch = false;  ///< stay until it is over; an error unless it succeeded
};
[[nodiscard]] Result<> migrate(const Session& session, const MigrateOptions& options);
[[nodiscard]] Result<> migrate_cancel(const Session& session, const std::string& name);

struct PowerOptions {
  std::string name;
  bool paused = false;                     ///< start: the guest waits before its first instruction
  bool force = false;                      ///< stop, restart: with `grace`
  std::optional<std::int64_t> grace = {};  ///< seconds that the guest is given to shut down
};
[[nodiscard]] Result<> start(const Session& session, const PowerOptions& options);
[[nodiscard]] Result<> stop(const Session& session, const PowerOptions& options);
[[nodiscard]] Result<> restart(const Session& session, const PowerOptions& options);

/// `what`: "vm", "vmi" and a name, or a name alone.
[[nodiscard]] Result<> pause(const Session& session, const std::vector<std::string>& what);
[[nodiscard]] Result<> unpause(const Session& session, const std::vector<std::string>& what);
[[nodiscard]] Result<> soft_reboot(const Session& session, const std::string& name);
[[nodiscard]] Result<> reset(const Session& session, const std::string& name);

/// The guest's serial console on standard input and output, until Ctrl-] (on a terminal) or the end of the input.
[[nodiscard]] Result<> console(const Session& session, const std::string& name);

struct VncOptions {
  std::string name;
  int port = 0;             ///< of the local address; 0: any free one
  bool proxy_only = false;  ///< print the address, open no viewer
};
/// The guest's screen, until its viewer ends; without a viewer, until a signal.
[[nodiscard]] Result<> vnc(const Session& session, const VncOptions& options);

struct ImportOptions {
  std::string name;
  std::filesystem::path file;
  bool force = false;  ///< replace an image of that name
};
[[nodiscard]] Result<> image_import(const Session& session, const ImportOptions& options);
[[nodiscard]] Result<> image_ls(const Session& session);
[[nodiscard]] Result<> image_rm(const Session& session, const std::string& name);

inline constexpr std::string_view program_version = "0.1.0";
/// The program's version, and the server's when there is one.
[[nodiscard]] Result<> version(const GlobalOptions& options);

}  // namespace godwit::cli
