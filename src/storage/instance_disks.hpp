// Disks that live as long as one guest's life: overlays, empty disks, disks made of files. All of a guest's lie in one
// directory, instances/<uid>/ below the directory that all hosts share, or below a host's own data.
//
// Each is complete or not there; making one that is there does nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace godwit::storage {

/// Below which names an image that a manifest calls "registry/name:tag" is looked for, best first: with the tag
/// ("name-tag") and without, the whole path, then without its leading parts. Empty when it is no image's name.
[[nodiscard]] std::vector<std::string> image_candidates(std::string_view reference);
/// The first candidate that was imported.
[[nodiscard]] std::optional<std::filesystem::path> find_image(const std::filesystem::path& root,
                                                              std::string_view reference);

[[nodiscard]] std::filesystem::path instance_directory(const std::filesystem::path& root, const std::string& uid);
/// For QEMU's user alone. Code::invalid: no uid.
[[nodiscard]] Result<> make_instance_directory(const std::filesystem::path& directory);
/// One that isn't there is fine.
Result<> remove_instance(const std::filesystem::path& root, const std::string& uid);
/// The uids of all instances below the root.
[[nodiscard]] std::vector<std::string> list_instances(const std::filesystem::path& root);

/// A qcow2 file over a raw one. The base is linked beside it ("<overlay>.base", or copied where a link can't be), so
/// that it stays what it is when the image is imported anew or removed.
[[nodiscard]] Result<> make_overlay_of_image(const std::filesystem::path& image, const std::filesystem::path& overlay);
[[nodiscard]] std::filesystem::path base_of(const std::filesystem::path& overlay);
/// A qcow2 file over a raw one that stays where it is.
[[nodiscard]] Result<> make_overlay(const std::filesystem::path& base, const std::filesystem::path& overlay);
/// A raw disk without content.
[[nodiscard]] Result<> make_empty_disk(const std::filesystem::path& path, std::int64_t size_bytes);

/// What is on a disk of files.
struct FilesDisk {
  std::string label;                         ///< of the volume, up to 32 characters
  std::map<std::string, std::string> files;  ///< path ("openstack/latest/user_data") → content

  bool operator==(const FilesDisk&) const = default;
};

/// An ISO 9660 image with Rock Ridge and Joliet names. The same content gives the same bytes, on any host, at any time.
[[nodiscard]] Result<> make_files_disk(const std::filesystem::path& path, const FilesDisk& disk);
/// Tells contents apart: hexadecimal SHA-256 over label, names and contents.
[[nodiscard]] std::string fingerprint(const FilesDisk& disk);

}  // namespace godwit::storage
