// The started-marker: on disk and synced before a migration's target first continues its guest. A file of one byte that
// is made beforehand; writing it overwrites that byte, which the file system can sync without its journal.
#pragma once

#include <filesystem>

#include "migrate/ports.hpp"

namespace godwit::node {

class StartedMarker final : public migrate::Marker {
 public:
  explicit StartedMarker(std::filesystem::path instance_directory) : directory_{std::move(instance_directory)} {}
  Result<> prepare(const std::string& migration_uid) override;
  Result<> write(const std::string& migration_uid) override;
  [[nodiscard]] bool present(const std::string& migration_uid) override;

 private:
  [[nodiscard]] std::filesystem::path file(const std::string& migration_uid) const;
  std::filesystem::path directory_;
};

}  // namespace godwit::node
