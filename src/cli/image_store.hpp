// Where images are: a directory that all nodes share, named by the default StorageClass, and a ConfigMap for each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kube/client.hpp"

namespace godwit::cli {

struct ImageRecord {
  std::string name;
  std::int64_t size_bytes = 0;
  std::string sha256;  ///< "" for a disk that was put into the store by hand
};

/// "" when the name is right, else what is wrong with it.
[[nodiscard]] std::string image_name_problem(std::string_view name);

/// As `-o json` shows it.
[[nodiscard]] json::Value to_json(const ImageRecord& image);
/// One line an image, under a heading, for people. Pure.
[[nodiscard]] std::string image_table(const std::vector<ImageRecord>& images);
/// The images as their ConfigMaps tell, by name; needs no directory on this machine.
[[nodiscard]] Result<std::vector<ImageRecord>> list_records(const kube::Client& client);

class ImageStore {
 public:
  /// Finds the directory and checks that this machine has it.
  [[nodiscard]] static Result<ImageStore> open(const kube::Client& client);

  [[nodiscard]] std::filesystem::path disk_of(const std::string& name) const;
  /// Code::conflict when the name is too much like that of another image.
  [[nodiscard]] Result<> check_record(const std::string& name) const;
  [[nodiscard]] Result<> write_record(const ImageRecord& image) const;
  /// False when there was none.
  [[nodiscard]] Result<bool> remove_record(const std::string& name) const;
  /// By name; disks without a ConfigMap too.
  [[nodiscard]] Result<std::vector<ImageRecord>> list() const;

 private:
  ImageStore(const kube::Client& client, std::filesystem::path root) : client_{&client}, root_{std::move(root)} {}
  const kube::Client* client_;
  std::filesystem::path root_;
};

}  // namespace godwit::cli
