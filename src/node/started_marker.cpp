#include "node/started_marker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/unique_fd.hpp"

namespace godwit::node {
namespace {

constexpr std::string_view not_started = "0";
constexpr std::string_view started = "1";

}  // namespace

std::filesystem::path StartedMarker::file(const std::string& migration_uid) const {
  return directory_ / ("started-" + migration_uid);
}

Result<> StartedMarker::prepare(const std::string& migration_uid) {
  if (present(migration_uid)) return {};
  return write_file(file(migration_uid), not_started, 0600);
}

Result<> StartedMarker::write(const std::string& migration_uid) {
  const auto path = file(migration_uid);
  const UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!fd) return write_file(path, started, 0600);
  if (::pwrite(fd.get(), started.data(), started.size(), 0) != static_cast<ssize_t>(started.size()) ||
      ::fdatasync(fd.get()) != 0) {
    return fail_errno(path.string());
  }
  return {};
}

bool StartedMarker::present(const std::string& migration_uid) {
  const auto content = read_file(file(migration_uid));
  // What can't be read may say that the guest has run here: only a plain "no" counts as one.
  if (!content) return content.error().code != Code::not_found;
  return *content != not_started;
}

}  // namespace godwit::node
