#include "storage/volumes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/quantity.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "storage/file_copy.hpp"

namespace godwit::storage {
namespace {

bool is_good_part(const std::string& part) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  return !part.empty() && part.front() != '.' && part.front() != '-' && std::all_of(part.begin(), part.end(), good);
}

/// A uid becomes a directory's name: nothing that could lead elsewhere ("..", "a/b").
Result<> check_uid(const std::string& uid) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (!uid.empty() && std::all_of(uid.begin(), uid.end(), good)) return {};
  return fail(Code::invalid, fmt::format("\"{}\" is no volume's uid", uid));
}

Result<> fsync_directory(const std::filesystem::path& directory) {
  const UniqueFd opened{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!opened || ::fsync(opened.get()) != 0) return fail_errno(directory.string());
  return {};
}

Result<> fill(int volume, const std::filesystem::path& root, std::int64_t size_bytes,
              const std::optional<std::string>& image) {
  if (image) {
    const UniqueFd source{::open(image_path(root, *image).c_str(), O_RDONLY | O_CLOEXEC)};
    if (!source) {
      return fail(Code::not_found, fmt::format("there is no image \"{}\"; import it with `godwit image import {} FILE`",
                                               *image, *image));
    }
    struct stat info{};
    if (::fstat(source.get(), &info) != 0) return fail_errno("image " + *image);
    if (info.st_size > size_bytes) {
      return fail(Code::invalid, fmt::format("the claim asks for {}, but image \"{}\" has {}; ask for more",
                                             format_bytes(size_bytes), *image, format_bytes(info.st_size)));
    }
    if (auto copied = copy_sparsely(source.get(), volume); !copied) return copied;
  }
  if (::ftruncate(volume, size_bytes) != 0) return fail_errno("volume");
  if (::fchown(volume, qemu_user, qemu_user) != 0) return fail_errno("volume");
  if (::fsync(volume) != 0) return fail_errno("volume");
  return {};
}

}  // namespace

std::string image_name_problem(std::string_view name) {
  const std::vector<std::string> parts = split(name, '/');
  if (parts.size() <= 2 && std::all_of(parts.begin(), parts.end(), is_good_part)) return {};
  return fmt::format(
      "\"{}\" is no image name: write one or two parts of small letters, digits, '-' and '.', such as "
      "debian or godwit/tiny",
      name);
}

std::filesystem::path image_path(const std::filesystem::path& root, std::string_view name) {
  return root / "images" / name / "disk.img";
}

Result<std::filesystem::path> create_volume(const std::filesystem::path& root, const std::string& uid,
                                            std::int64_t size_bytes, const std::optional<std::string>& image) {
  if (auto good = check_uid(uid); !good) return fail(good.error());
  if (size_bytes <= 0) return fail(Code::invalid, fmt::format("a volume of {} bytes can't be", size_bytes));
  if (image) {
    if (std::string problem = image_name_problem(*image); !problem.empty())
      return fail(Code::invalid, std::move(problem));
  }
  const auto directory = root / "volumes" / uid;
  const auto disk = directory / "disk.img";
  std::error_code ignored;
  if (std::filesystem::exists(disk, ignored)) return directory;
  if (auto made = make_directory(directory); !made) return fail(made.error());
  const auto unfinished = directory / "disk.img.unfinished";
  const UniqueFd volume{::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!volume) return fail_errno(unfinished.string());
  if (auto filled = fill(volume.get(), root, size_bytes, image); !filled) {
    std::filesystem::remove_all(directory, ignored);
    return fail(filled.error());
  }
  if (::rename(unfinished.c_str(), disk.c_str()) != 0) return fail_errno(disk.string());
  for (const auto& changed : {directory, directory.parent_path()}) {
    if (auto safe = fsync_directory(changed); !safe) return fail(safe.error());
  }
  return directory;
}

Result<> remove_volume(const std::filesystem::path& root, const std::string& uid) {
  if (auto good = check_uid(uid); !good) return good;
  std::error_code error;
  std::filesystem::remove_all(root / "volumes" / uid, error);
  if (error) return fail(Code::internal, "removing volume " + uid + ": " + error.message());
  return {};
}

}  // namespace godwit::storage
