#include "base/confinement.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <set>

namespace godwit {
namespace {

// A directory that is always there and that no path lies below: the new root is put together on it, in the child alone.
constexpr const char* stage = "/proc";
constexpr int most_capabilities = 64;

bool lies_below(const std::filesystem::path& path, const std::filesystem::path& directory) {
  const auto [end, rest] = std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return end == directory.end();
}

unsigned long long attributes_of(const struct stat& file, bool writable) {
  unsigned long long attributes = MOUNT_ATTR_NOSUID;
  if (!writable) attributes |= MOUNT_ATTR_RDONLY;
  if (!S_ISCHR(file.st_mode) && !S_ISBLK(file.st_mode)) attributes |= MOUNT_ATTR_NODEV;
  // What the child can write it must not execute.
  if (writable) attributes |= MOUNT_ATTR_NOEXEC;
  return attributes;
}

/// New namespaces would give the child capabilities within them, and with these the kernel's whole surface.
bool deny_new_namespaces() {
  constexpr unsigned any_namespace =
      CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWUSER;
  constexpr unsigned refused = SECCOMP_RET_ERRNO | EPERM;
  // clone3 has its flags where no filter can look: "not known here" makes the C library use clone.
  constexpr unsigned unknown = SECCOMP_RET_ERRNO | ENOSYS;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, refused),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 5, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setns, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 5, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, any_namespace, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, refused),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, unknown),
  };
  const sock_fprog filter{.len = std::size(program), .filter = program};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

bool give_up_privileges() {
  for (int capability = 0; capability < most_capabilities; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL) return false;
  }
  const rlimit none{0, 0};
  return ::setrlimit(RLIMIT_CORE, &none) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && deny_new_namespaces();
}

}  // namespace

std::vector<Reach> system_paths() {
  std::vector<Reach> found;
  for (const char* path : {"/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache"}) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) found.push_back({.path = path});
  }
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}) {
    found.push_back({.path = device, .writable = true});
  }
  return found;
}

Result<PreparedConfinement> PreparedConfinement::of(const Confinement& wanted) {
  std::vector<Reach> paths = wanted.paths;
  for (Reach& reach : paths) {
    if (!reach.path.is_absolute()) return fail(Code::invalid, reach.path.string() + " is not absolute");
    reach.path = reach.path.lexically_normal();
  }
  // Parents first: what lies in another one's directory is mounted over what is seen there.
  std::sort(paths.begin(), paths.end(), [](const Reach& a, const Reach& b) {
    return a.path != b.path ? a.path < b.path : a.writable > b.writable;
  });
  paths.erase(std::unique(paths.begin(), paths.end(), [](const Reach& a, const Reach& b) { return a.path == b.path; }),
              paths.end());
  PreparedConfinement made;
  std::set<std::filesystem::path> directories;
  std::vector<std::filesystem::path> placed;
  for (const Reach& reach : paths) {
    struct stat file{};
    if (::stat(reach.path.c_str(), &file) != 0) return fail_errno(reach.path.string());
    const bool make =
        std::none_of(placed.begin(), placed.end(), [&](const auto& p) { return lies_below(reach.path, p); });
    const bool directory = S_ISDIR(file.st_mode);
    if (make) {
      for (auto above = reach.path.parent_path(); above != above.root_path(); above = above.parent_path())
        directories.insert(above);
      if (directory) placed.push_back(reach.path);
    }
    made.entries_.push_back({.source = reach.path,
                             .target = stage + reach.path.string(),
                             .directory = directory,
                             .make = make,
                             .attributes = attributes_of(file, reach.writable)});
  }
  for (const auto& directory : directories) made.directories_.push_back(stage + directory.string());
  return made;
}

int PreparedConfinement::namespaces() {
  return CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
}

bool PreparedConfinement::enter(const char** failed_at) const {
  *failed_at = "/";
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  constexpr unsigned long root_flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("none", stage, "tmpfs", root_flags, "mode=0755,size=64k,nr_inodes=1k") != 0) return false;
  for (const std::string& directory : directories_) {
    *failed_at = directory.c_str();
    if (::mkdir(directory.c_str(), 0755) != 0) return false;
  }
  for (const Entry& entry : entries_) {
    *failed_at = entry.source.c_str();
    const char* target = entry.target.c_str();
    if (entry.make && (entry.directory ? ::mkdir(target, 0755) : ::mknod(target, S_IFREG | 0644, 0)) != 0) return false;
    const int tree = ::open_tree(AT_FDCWD, entry.source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0) return false;
    mount_attr attributes{};
    attributes.attr_set = entry.attributes;
    if (::mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0) return false;
    if (::move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) != 0) return false;
    ::close(tree);
  }
  *failed_at = "/";
  if (::mount(nullptr, stage, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | root_flags, nullptr) != 0) return false;
  // The old root is put over the new one, and taken away.
  return ::chdir(stage) == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 &&
         ::chdir("/") == 0 && give_up_privileges();
}

}  // namespace godwit
