// What a child process may reach: a root of its own that holds only the paths given. Private to Process.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace godwit {

/// A file, directory (with all below it), socket or device, seen by the child at the same place as by us.
struct Reach {
  std::filesystem::path path;  ///< absolute; a symbolic link is followed once, by us
  bool writable = false;       ///< as far as the child's user may; false: nobody may

  bool operator==(const Reach&) const = default;
};

/// The child gets namespaces of its own: mounts (only `paths`, no /proc), network (empty: not even a loopback),
/// processes (it is number 1 and sees no other), System V IPC, host name; no capability, now or later, no further
/// namespaces, no core dumps.
/// Descriptors that it inherits keep working. Only root can arrange it.
struct Confinement {
  std::vector<Reach> paths;
};

/// What any program of the distribution needs: /usr, the dynamic linker's files, /dev/null, zero and random.
[[nodiscard]] std::vector<Reach> system_paths();

/// A confinement worked out before the fork, so that the child makes system calls only.
class PreparedConfinement {
 public:
  /// Code::not_found: a path doesn't exist; Code::invalid: one is relative.
  [[nodiscard]] static Result<PreparedConfinement> of(const Confinement& wanted);
  /// In the child, which has its own mount namespace: changes its root and forgets the old one, then gives up every
  /// capability that a program could gain later. False: errno, and `failed_at` is the path.
  bool enter(const char** failed_at) const;
  /// For clone(2).
  [[nodiscard]] static int namespaces();

 private:
  struct Entry {
    std::string source;
    std::string target;  ///< below the place where the new root is put together
    bool directory = false;
    bool make = false;  ///< nothing is at the target yet
    unsigned long long attributes = 0;
  };
  std::vector<std::string> directories_;  ///< to be made, parents first
  std::vector<Entry> entries_;
};

}  // namespace godwit
