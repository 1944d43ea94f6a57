// Disks made of files, by xorriso. What it would take from the host or the moment (dates, owners, modes, its own
// version, the order of contents) is fixed, so that both sides of a migration make the same bytes.
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "storage/files_disk.hpp"
#include "storage/volumes.hpp"

namespace godwit::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds program_patience{60};
constexpr std::size_t longest_label = 32;
constexpr const char* the_date = "2000010100000000";
constexpr const char* the_date_in_seconds = "946684800";

bool is_safe(const std::string& path) {
  const std::vector<std::string> parts = split(path, '/');
  return std::none_of(parts.begin(), parts.end(),
                      [](const std::string& p) { return p.empty() || p == "." || p == ".."; }) &&
         path.find_first_of("=\\\n") == std::string::npos;
}

Result<> lay_out(const fs::path& tree, const FilesDisk& disk) {
  if (disk.label.empty() || disk.label.size() > longest_label || disk.label.starts_with('-')) {
    return fail(Code::invalid, fmt::format("\"{}\" is no label of a volume; 1 to 32 characters", disk.label));
  }
  for (const auto& [name, content] : disk.files) {
    if (!is_safe(name)) return fail(Code::invalid, fmt::format("\"{}\" is no name of a file on a disk", name));
    const fs::path path = tree / name;
    if (auto made = make_directory(path.parent_path(), 0755); !made) return made;
    if (auto written = write_file(path, content, 0644); !written) return written;
  }
  return {};
}

}  // namespace

ProcessSpec image_program(const fs::path& tree, const fs::path& out, const FilesDisk& disk) {
  std::vector<std::string> argv{"xorriso", "-as", "mkisofs", "-quiet", "-o", out.string(), "-V", disk.label};
  for (const char* fixed : {"-J", "-joliet-long", "-r", "-sysid", "", "-p", "GODWIT", "-A", "GODWIT"}) {
    argv.emplace_back(fixed);
  }
  argv.emplace_back(std::string{"--modification-date="} + the_date);
  argv.insert(argv.end(), {"--set_all_file_dates", the_date});
  // Contents lie in the order of their inodes unless they are weighed.
  std::size_t weight = disk.files.size();
  for (const auto& [name, content] : disk.files) {
    argv.insert(argv.end(), {"--sort-weight", std::to_string(weight--), "/" + name});
  }
  argv.push_back(tree.string());
  return {.argv = std::move(argv), .extra_environment = {{"SOURCE_DATE_EPOCH", the_date_in_seconds}, {"TZ", "UTC"}}};
}

Result<> make_files_disk(const fs::path& path, const FilesDisk& disk) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) return {};
  // Beside the target: what it holds may be secret, and the directory is QEMU's alone.
  const fs::path work = path.string() + ".work";
  fs::remove_all(work, ignored);
  const auto make = [&]() -> Result<> {
    if (auto made = make_directory(work, 0700); !made) return made;
    if (auto made = make_directory(work / "tree"); !made) return made;
    if (auto laid = lay_out(work / "tree", disk); !laid) return laid;
    const fs::path image = work / "image";
    auto written = run_checked(image_program(work / "tree", image, disk), Deadline::after(program_patience));
    if (!written) return fail(written.error());
    if (::chown(image.c_str(), qemu_user, qemu_user) != 0 || ::chmod(image.c_str(), 0400) != 0) {
      return fail_errno(image.string());
    }
    if (::rename(image.c_str(), path.c_str()) != 0) return fail_errno(path.string());
    return {};
  };
  auto made = make();
  fs::remove_all(work, ignored);
  return made;
}

std::string fingerprint(const FilesDisk& disk) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  const auto add = [&](const std::string& text) {
    const std::string length = fmt::format("{}:", text.size());
    EVP_DigestUpdate(context.get(), length.data(), length.size());
    EVP_DigestUpdate(context.get(), text.data(), text.size());
  };
  add(disk.label);
  for (const auto& [name, content] : disk.files) {
    add(name);
    add(content);
  }
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), sum, &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", sum[i]);
  return text;
}

}  // namespace godwit::storage
