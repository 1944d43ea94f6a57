#include "node/started_marker.hpp"

#include "base/files.hpp"

namespace godwit::node {

Result<> StartedMarker::write(const std::string& migration_uid) {
  return write_file(directory_ / ("started-" + migration_uid), "", 0600);
}

bool StartedMarker::present(const std::string& migration_uid) {
  std::error_code ignored;
  return std::filesystem::exists(directory_ / ("started-" + migration_uid), ignored);
}

}  // namespace godwit::node
