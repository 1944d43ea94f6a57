#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "node/volume_sources.hpp"
#include "storage/volumes.hpp"

namespace godwit::node {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// QEMU runs as a user of its own, who must be able to open it.
Result<> check_access(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return fail_errno(path.string());
  const bool own = info.st_uid == storage::qemu_user && (info.st_mode & 0600) == 0600;
  const bool group = info.st_gid == storage::qemu_user && (info.st_mode & 0060) == 0060;
  if (own || group || (info.st_mode & 0006) == 0006) return {};
  return fail(Code::forbidden,
              fmt::format("QEMU's user cannot read and write {0}; run `chown {1}:{1} {0}` on this node", path.string(),
                          storage::qemu_user));
}

Result<VolumeFile> host_file(const source::HostFile& host) {
  if (!is_there(host.path)) {
    if (host.size_bytes <= 0) {
      return fail(Code::not_found, fmt::format("hostDisk {} is not on this node", host.path.string()));
    }
    if (auto made = make_directory(host.path.parent_path()); !made) return fail(made.error());
    if (auto made = storage::make_empty_disk(host.path, host.size_bytes); !made) return fail(made.error());
  }
  if (auto good = check_access(host.path); !good) return fail(good.error());
  return VolumeFile{.path = host.path};
}

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};

/// The file of a volume, whether it is there or not.
VolumeFile file_of(const std::string& name, const VolumeSource& wanted, const fs::path& directory) {
  return std::visit(
      Overloaded{
          [](const source::File& s) { return VolumeFile{.path = s.path}; },
          [](const source::HostFile& s) { return VolumeFile{.path = s.path}; },
          [&](const source::Image&) {
            const fs::path overlay = directory / (name + ".qcow2");
            return VolumeFile{.path = overlay, .format = qemu::DiskFormat::qcow2, .base = storage::base_of(overlay)};
          },
          [&](const source::Overlaid& s) {
            return VolumeFile{.path = directory / (name + ".qcow2"), .format = qemu::DiskFormat::qcow2, .base = s.path};
          },
          [&](const source::Empty&) { return VolumeFile{.path = directory / (name + ".img")}; },
          [&](const storage::FilesDisk&) { return VolumeFile{.path = directory / (name + ".iso"), .read_only = true}; },
      },
      wanted);
}

Result<> make(const VolumeSource& wanted, const VolumeFile& file) {
  return std::visit(Overloaded{
                        [](const source::File&) -> Result<> { return {}; },
                        [](const source::HostFile& s) -> Result<> {
                          auto made = host_file(s);
                          if (!made) return fail(made.error());
                          return {};
                        },
                        [&](const source::Image& s) { return storage::make_overlay_of_image(s.path, file.path); },
                        [&](const source::Overlaid& s) { return storage::make_overlay(s.path, file.path); },
                        [&](const source::Empty& s) { return storage::make_empty_disk(file.path, s.size_bytes); },
                        [&](const storage::FilesDisk& s) { return storage::make_files_disk(file.path, s); },
                    },
                    wanted);
}

bool in_directory(const VolumeSource& wanted) {
  return !std::holds_alternative<source::File>(wanted) && !std::holds_alternative<source::HostFile>(wanted);
}

Result<> prepare(const VolumeSources& sources, const fs::path& directory) {
  for (const auto& [name, wanted] : sources.by_name) {
    if (in_directory(wanted)) return storage::make_instance_directory(directory);
  }
  return {};
}

}  // namespace

Result<VolumePaths> make_volumes(const VolumeSources& sources, const fs::path& directory) {
  if (auto ready = prepare(sources, directory); !ready) return fail(ready.error());
  VolumePaths paths;
  for (const auto& [name, wanted] : sources.by_name) {
    const VolumeFile file = file_of(name, wanted, directory);
    if (auto made = make(wanted, file); !made) return fail(made.error().within("volume " + name));
    paths.emplace(name, file);
  }
  return paths;
}

Result<VolumePaths> find_made_volumes(const VolumeSources& sources, const fs::path& directory,
                                      const std::string& fingerprint) {
  VolumePaths paths;
  for (const auto& [name, wanted] : sources.by_name) {
    const VolumeFile file = file_of(name, wanted, directory);
    if (!is_there(file.path)) {
      if (!std::holds_alternative<storage::FilesDisk>(wanted)) {
        return fail(Code::not_found, fmt::format("volume {}: {} is not on this node", name, file.path.string()));
      }
      if (sources.fingerprint != fingerprint) {
        return fail(Code::conflict, fmt::format("volume {}: what it shows has changed since the guest was started, and "
                                                "the guest must find the same disk here",
                                                name));
      }
      if (auto ready = prepare(sources, directory); !ready) return fail(ready.error());
      if (auto made = make(wanted, file); !made) return fail(made.error().within("volume " + name));
    }
    if (!file.base.empty() && !is_there(file.base)) {
      return fail(Code::not_found, fmt::format("volume {}: {} is not on this node", name, file.base.string()));
    }
    paths.emplace(name, file);
  }
  return paths;
}

}  // namespace godwit::node
