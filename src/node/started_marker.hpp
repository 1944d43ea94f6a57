// The started-marker: on disk and fsynced before a migration's target first continues its guest.
#pragma once

#include <filesystem>

#include "migrate/ports.hpp"

namespace godwit::node {

class StartedMarker final : public migrate::Marker {
 public:
  explicit StartedMarker(std::filesystem::path instance_directory) : directory_{std::move(instance_directory)} {}
  Result<> write(const std::string& migration_uid) override;
  [[nodiscard]] bool present(const std::string& migration_uid) override;

 private:
  std::filesystem::path directory_;
};

}  // namespace godwit::node
