#include "storage/instance_disks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "storage/file_copy.hpp"
#include "storage/volumes.hpp"

namespace godwit::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds program_patience{60};

bool is_uid(const std::string& text) {
  const auto good = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; };
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

bool present(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// Makes a file under another name, gives it to QEMU's user, and puts it in its place; nothing is left of a failure.
Result<> complete(const fs::path& path, mode_t mode, const std::function<Result<>(const fs::path&)>& make) {
  if (present(path)) return {};
  const fs::path unfinished = path.string() + ".unfinished";
  std::error_code ignored;
  fs::remove(unfinished, ignored);
  const auto finish = [&]() -> Result<> {
    if (auto made = make(unfinished); !made) return made;
    if (::chown(unfinished.c_str(), qemu_user, qemu_user) != 0 || ::chmod(unfinished.c_str(), mode) != 0) {
      return fail_errno(unfinished.string());
    }
    if (::rename(unfinished.c_str(), path.c_str()) != 0) return fail_errno(path.string());
    return {};
  };
  auto done = finish();
  if (!done) fs::remove(unfinished, ignored);
  return done;
}

Result<> copy_whole(const fs::path& from, const fs::path& to) {
  const UniqueFd source{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!source) return fail_errno(from.string());
  const UniqueFd target{::open(to.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!target) return fail_errno(to.string());
  return copy_sparsely(source.get(), target.get());
}

/// The image as it is now, under a name of its own. The link shares the image's owner and mode.
Result<> keep_image(const fs::path& image, const fs::path& base) {
  if (present(base)) return {};
  if (::link(image.c_str(), base.c_str()) == 0) return {};
  if (errno == ENOENT) return fail(Code::not_found, "there is no file " + image.string());
  return complete(base, 0400, [&](const fs::path& unfinished) { return copy_whole(image, unfinished); });
}

}  // namespace

std::vector<std::string> image_candidates(std::string_view reference) {
  reference = reference.substr(0, reference.find('@'));
  std::vector<std::string> parts = split(reference, '/');
  std::string tag;
  if (const auto colon = parts.back().find(':'); colon != std::string::npos) {
    tag = parts.back().substr(colon + 1);
    parts.back().resize(colon);
  }
  std::vector<std::string> candidates;
  for (; !parts.empty(); parts.erase(parts.begin())) {
    const std::string name = join(parts, "/");
    if (!tag.empty() && image_name_problem(name + "-" + tag).empty()) candidates.push_back(name + "-" + tag);
    if (image_name_problem(name).empty()) candidates.push_back(name);
  }
  return candidates;
}

std::optional<fs::path> find_image(const fs::path& root, std::string_view reference) {
  for (const std::string& name : image_candidates(reference)) {
    if (auto path = image_path(root, name); present(path)) return path;
  }
  return std::nullopt;
}

fs::path instance_directory(const fs::path& root, const std::string& uid) { return root / "instances" / uid; }

Result<> make_instance_directory(const fs::path& directory) {
  if (!is_uid(directory.filename())) {
    return fail(Code::invalid, fmt::format("\"{}\" is no VMI's uid", directory.filename().string()));
  }
  if (auto made = make_directory(directory.parent_path()); !made) return made;
  if (auto made = make_directory(directory, 0700); !made) return made;
  if (::chown(directory.c_str(), qemu_user, qemu_user) != 0) return fail_errno(directory.string());
  return {};
}

Result<> remove_instance(const fs::path& root, const std::string& uid) {
  if (!is_uid(uid)) return fail(Code::invalid, fmt::format("\"{}\" is no VMI's uid", uid));
  std::error_code error;
  fs::remove_all(instance_directory(root, uid), error);
  if (error) return fail(Code::internal, fmt::format("removing the disks of {}: {}", uid, error.message()));
  return {};
}

std::vector<std::string> list_instances(const fs::path& root) {
  std::vector<std::string> uids;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator{root / "instances", ignored}) {
    uids.push_back(entry.path().filename().string());
  }
  return uids;
}

fs::path base_of(const fs::path& overlay) { return overlay.string() + ".base"; }

Result<> make_overlay_of_image(const fs::path& image, const fs::path& overlay) {
  if (present(overlay)) return {};
  if (auto kept = keep_image(image, base_of(overlay)); !kept) return kept;
  return make_overlay(base_of(overlay), overlay);
}

Result<> make_overlay(const fs::path& base, const fs::path& overlay) {
  return complete(overlay, 0600, [&](const fs::path& unfinished) -> Result<> {
    auto made = run_checked(
        {.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base.string(), unfinished.string()}},
        Deadline::after(program_patience));
    if (!made) return fail(made.error());
    return {};
  });
}

Result<> make_empty_disk(const fs::path& path, std::int64_t size_bytes) {
  return complete(path, 0600, [&](const fs::path& unfinished) -> Result<> {
    const UniqueFd made{::open(unfinished.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!made || ::ftruncate(made.get(), size_bytes) != 0) return fail_errno(path.string());
    return {};
  });
}

}  // namespace godwit::storage
