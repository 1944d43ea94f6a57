#include "cli/image_file.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace godwit::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t block = 64U << 10U;
constexpr std::size_t chunk = 16 * block;

/// SHA-256 of bytes as they come.
class Digest {
 public:
  Digest() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void add(const char* data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }
  std::string finish() {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), sum, &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", sum[i]);
    return text;
  }

 private:
  struct Freer {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Freer> context_{EVP_MD_CTX_new()};
};

/// A file that is removed again unless it was put in its place.
class Unfinished {
 public:
  explicit Unfinished(fs::path path) : path_{std::move(path)} {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Result<std::size_t> read_block(int fd, std::vector<char>& buffer, const fs::path& path) {
  std::size_t have = 0;
  while (have < buffer.size()) {
    const ssize_t n = ::read(fd, buffer.data() + have, buffer.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path.string());
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

Result<> write_block(int fd, const char* data, std::size_t size, std::int64_t at, const fs::path& path) {
  while (size > 0) {
    const ssize_t n = ::pwrite(fd, data, size, at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail_errno(path.string());
    data += n;
    size -= static_cast<std::size_t>(n);
    at += n;
  }
  return {};
}

bool is_zero(const char* data, std::size_t size) {
  return std::all_of(data, data + size, [](char c) { return c == 0; });
}

/// Reads all of `from`, sums it up, and writes it to `to` unless that is -1.
Result<InstalledImage> pour(int from, const fs::path& source, int to, const fs::path& target) {
  InstalledImage image;
  Digest digest;
  std::vector<char> buffer(chunk);
  for (;;) {
    const auto size = read_block(from, buffer, source);
    if (!size) return fail(size.error());
    if (*size == 0) break;
    digest.add(buffer.data(), *size);
    for (std::size_t at = 0; to >= 0 && at < *size; at += block) {
      const std::size_t part = std::min(block, *size - at);
      if (is_zero(buffer.data() + at, part)) continue;
      const auto written =
          write_block(to, buffer.data() + at, part, image.size_bytes + static_cast<std::int64_t>(at), target);
      if (!written) return fail(written.error());
    }
    image.size_bytes += static_cast<std::int64_t>(*size);
  }
  if (to >= 0 && ::ftruncate(to, image.size_bytes) != 0) return fail_errno(target.string());
  image.sha256 = digest.finish();
  return image;
}

Result<> sync(int fd, const fs::path& path) {
  if (::fsync(fd) != 0) return fail_errno(path.string());
  return {};
}

/// "qcow2", "raw", or an error for what is neither and would not boot.
Result<std::string> format_of(int fd, const fs::path& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return fail_errno(path.string());
  if (!S_ISREG(info.st_mode)) return fail(Code::invalid, path.string() + " is no file; give a disk file");
  if (info.st_size == 0) return fail(Code::invalid, path.string() + " is empty; give a disk file");
  char magic[8] = {};
  if (::pread(fd, magic, sizeof magic, 0) < 0) return fail_errno(path.string());
  const std::string_view start{magic, sizeof magic};
  if (start.starts_with("QFI\xfb")) return "qcow2";
  if (start.starts_with("\x1f\x8b") ||
      start.starts_with("\xfd"
                        "7zXZ") ||
      start.starts_with("\x28\xb5\x2f\xfd") || start.starts_with("BZh")) {
    return fail(Code::invalid, path.string() + " is compressed; decompress it first");
  }
  if (start.starts_with("KDMV") || start.starts_with("vhdxfile") || start.starts_with("conectix")) {
    return fail(Code::invalid,
                fmt::format("{} is neither raw nor qcow2; convert it first with `qemu-img convert -O raw "
                            "{} disk.raw`",
                            path.string(), path.string()));
  }
  return "raw";
}

/// A download that broke off would be converted all the same, what is missing as zeros.
Result<> check_qcow2(const fs::path& source) {
  const auto checked = run_program({.argv = {"qemu-img", "check", "-q", "-f", "qcow2", "--", source}},
                                   Deadline::after(std::chrono::hours{2}));
  if (!checked) return fail(checked.error().within("checking " + source.string() + " with qemu-img"));
  constexpr int only_leaks = 3;
  if (checked->exit.ok() || checked->exit.status == only_leaks) return {};
  const std::string_view said = trim(checked->err.empty() ? checked->out : checked->err);
  return fail(Code::invalid, fmt::format("{} is damaged ({}); get it anew", source.string(),
                                         said.substr(0, std::min(said.find('\n'), std::size_t{200}))));
}

Result<InstalledImage> convert(const fs::path& source, const fs::path& target) {
  if (auto whole = check_qcow2(source); !whole) return fail(whole.error());
  const auto done = run_checked({.argv = {"qemu-img", "convert", "-f", "qcow2", "-O", "raw", "--", source, target}},
                                Deadline::after(std::chrono::hours{2}));
  if (!done) return fail(done.error().within("converting " + source.string() + " with qemu-img"));
  const UniqueFd made{::open(target.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!made) return fail_errno(target.string());
  auto image = pour(made.get(), target, -1, {});
  if (image) {
    if (auto synced = sync(made.get(), target); !synced) return fail(synced.error());
  }
  return image;
}

Result<InstalledImage> copy(int source_fd, const fs::path& source, const fs::path& target) {
  const UniqueFd made{::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
  if (!made) return fail_errno(target.string());
  auto image = pour(source_fd, source, made.get(), target);
  if (image) {
    if (auto synced = sync(made.get(), target); !synced) return fail(synced.error());
  }
  return image;
}

}  // namespace

Result<InstalledImage> install_image(const fs::path& source, const fs::path& target) {
  const UniqueFd fd{::open(source.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return fail_errno(source.string());
  const auto format = format_of(fd.get(), source);
  if (!format) return fail(format.error());
  if (auto made = make_directory(target.parent_path()); !made) return fail(made.error());
  const Unfinished unfinished{target.parent_path() / (".disk." + random_token(8))};
  auto image = *format == "qcow2" ? convert(source, unfinished.path()) : copy(fd.get(), source, unfinished.path());
  if (!image) return image;
  if (::rename(unfinished.path().c_str(), target.c_str()) != 0) return fail_errno(target.string());
  const UniqueFd directory{::open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (auto synced = sync(directory.get(), target.parent_path()); !synced) return fail(synced.error());
  return image;
}

}  // namespace godwit::cli
