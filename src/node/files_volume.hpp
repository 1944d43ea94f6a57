// Which files are on the disk of a cloudInitNoCloud, cloudInitConfigDrive, configMap, secret or serviceAccount volume.
// The same VMI and sources give the same disk on every host.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.hpp"
#include "json/value.hpp"
#include "storage/instance_disks.hpp"

namespace godwit::node {

/// Key → content.
using Data = std::map<std::string, std::string>;

/// What the VMI's namespace has; Code::not_found names what is missing.
struct DataSources {
  std::function<Result<Data>(const std::string& name)> secret;
  std::function<Result<Data>(const std::string& name)> config_map;
  std::function<Result<Data>(const std::string& service_account)> token;  ///< namespace, token, ca.crt
};

/// A Secret's or ConfigMap's content, decoded.
[[nodiscard]] Data data_of(const json::Value& object);

/// `volume` is an entry of the VMI's spec.volumes for which rules::is_made_of_files holds.
[[nodiscard]] Result<storage::FilesDisk> files_of(const json::Value& vmi, const json::Value& volume,
                                                  const DataSources& sources);

}  // namespace godwit::node
