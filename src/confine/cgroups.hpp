// The cgroups of a node's guests: one directory in each hierarchy for the node, below it one for each guest.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "confine/layout.hpp"
#include "confine/limits.hpp"

namespace godwit::confine {

/// A guest's cgroup. Removed, with whatever still runs in it, when the owner goes, unless it was told to stay.
class Cgroup {
 public:
  Cgroup() = default;
  explicit Cgroup(std::vector<std::filesystem::path> directories) : directories_{std::move(directories)} {}
  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&& other) noexcept;
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  ~Cgroup();

  /// One a hierarchy, for ProcessSpec::cgroups; none where the machine has no cgroups.
  [[nodiscard]] const std::vector<std::filesystem::path>& directories() const { return directories_; }
  /// Lives on without this object: guests outlive their agent.
  void stay() { stays_ = true; }
  /// Kills what is in it and removes it. Code::timeout: it does not become empty.
  Result<> remove(Deadline deadline);

 private:
  std::vector<std::filesystem::path> directories_;
  bool stays_ = false;
};

class Cgroups {
 public:
  /// The node's directories, made now. `note` is a file that remembers them: whoever cleans up finds them there, and
  /// the next agent those that lie elsewhere because it was started elsewhere. `shortcomings` then says what this
  /// machine can't do; nothing of it keeps guests from running.
  [[nodiscard]] static Cgroups set_up(const std::vector<Hierarchy>& hierarchies, const std::string& name,
                                      const std::filesystem::path& note);
  [[nodiscard]] const std::vector<std::string>& shortcomings() const { return shortcomings_; }

  /// With its limits set. One that is there already is taken over.
  [[nodiscard]] Result<Cgroup> make(const std::string& guest, const Limits& limits) const;
  /// What is there of the guest; stays when the object goes.
  [[nodiscard]] Cgroup find(const std::string& guest) const;
  /// Removes the cgroups of all other guests: of those that ended while no agent watched.
  Result<> keep_only(const std::set<std::string>& guests, Deadline deadline) const;

 private:
  struct Base {
    std::filesystem::path directory;
    bool unified = false;
  };
  void enable(const Hierarchy& hierarchy, const std::filesystem::path& top, const std::filesystem::path& base);
  std::vector<Base> bases_;
  std::vector<std::filesystem::path> earlier_;  ///< of agents that were started elsewhere
  std::vector<std::string> shortcomings_;
};

/// As it is on this machine.
[[nodiscard]] std::vector<Hierarchy> read_hierarchies();
/// Removes all that the note names, with every process in it, and the note.
Result<> remove_noted(const std::filesystem::path& note, Deadline deadline);

}  // namespace godwit::confine
