// What a VMI's volumes are made of, found through the API; and the files that its disks open on this host.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>

#include "kube/client.hpp"
#include "node/guest_plan.hpp"
#include "storage/instance_disks.hpp"

namespace godwit::node {

/// Under this name: the directory of the claim that keeps UEFI variables and TPM. No volume can be called so.
inline constexpr auto vm_state = "/vm-state";

namespace source {
struct File {  ///< a raw file that is there, or the directory of vm_state
  std::filesystem::path path;
};
struct HostFile {  ///< of this host; made when it isn't there and `size_bytes` > 0
  std::filesystem::path path;
  std::int64_t size_bytes = 0;
};
struct Image {  ///< an imported image, never written to
  std::filesystem::path path;
};
struct Overlaid {  ///< a claim's disk, never written to
  std::filesystem::path path;
};
struct Empty {
  std::int64_t size_bytes = 0;
};
}  // namespace source

using VolumeSource =
    std::variant<source::File, source::HostFile, source::Image, source::Overlaid, source::Empty, storage::FilesDisk>;

struct VolumeSources {
  std::map<std::string, VolumeSource> by_name;
  /// Where the disks that live as long as the guest's life lie when all hosts can reach them; "" when there is no such
  /// place.
  std::filesystem::path shared_directory;
  /// Over all disks of files; "" when there are none.
  std::string fingerprint;
};

/// In a VMI, where its disks lie; "" when only its owner can reach them.
inline constexpr const char* volumes_directory = "/status/volumesDirectory";
inline constexpr const char* volumes_fingerprint = "/status/volumesFingerprint";

/// The cause of an error that is about an image: as the reason of a waiting container.
inline constexpr const char* image_missing = "ErrImagePull";

/// The directory that all hosts share: of the default StorageClass of provisioner godwit.io/shared, else of the first
/// by name; "" when there is none.
[[nodiscard]] Result<std::filesystem::path> shared_volumes(const kube::Client& client);

/// Code::unavailable while a claim isn't bound yet; Code::not_found when something isn't there, with the cause
/// image_missing (its field is the volume's name) when it is an image.
[[nodiscard]] Result<VolumeSources> find_volumes(const kube::Client& client, const json::Value& vmi);

/// Makes what isn't there yet below the directory of the guest's life. Of an error nothing new is left.
[[nodiscard]] Result<VolumePaths> make_volumes(const VolumeSources& sources, const std::filesystem::path& directory);
/// For a guest that comes from another host: what it has written must be there; what it only reads is made when it is
/// missing. Code::conflict: a Secret or ConfigMap has changed since `fingerprint` was told.
[[nodiscard]] Result<VolumePaths> find_made_volumes(const VolumeSources& sources,
                                                    const std::filesystem::path& directory,
                                                    const std::string& fingerprint);

}  // namespace godwit::node
