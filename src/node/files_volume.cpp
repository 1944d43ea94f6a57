#include "node/files_volume.hpp"

#include <optional>

#include <fmt/format.h>

#include "base/base64.hpp"

namespace godwit::node {
namespace {

constexpr const char* config_label = "cfgdata";

/// The first of these keys in the Secret.
Result<std::string> value_in(const DataSources& sources, const std::string& secret,
                             std::initializer_list<const char*> keys) {
  const auto data = sources.secret(secret);
  if (!data) return fail(data.error());
  for (const char* key : keys) {
    if (const auto found = data->find(key); found != data->end()) return found->second;
  }
  return fail(Code::not_found, fmt::format("secret \"{}\" has no key {}", secret, *keys.begin()));
}

/// Plain, in base64, or from a Secret; nothing when none of them is set.
Result<std::optional<std::string>> text_of(const json::Value& source, const DataSources& sources,
                                           const std::string& field, const char* secret_field,
                                           std::initializer_list<const char*> keys) {
  if (const std::string name = json::string_at(source, fmt::format("/{}/name", secret_field)); !name.empty()) {
    auto value = value_in(sources, name, keys);
    if (!value) return fail(value.error());
    return std::optional{std::move(*value)};
  }
  if (const std::string plain = json::string_at(source, "/" + field); !plain.empty()) return std::optional{plain};
  const std::string encoded = json::string_at(source, fmt::format("/{}Base64", field));
  if (encoded.empty()) return std::optional<std::string>{};
  auto decoded = base64_decode(encoded);
  if (!decoded) return fail(Code::invalid, field + "Base64 is not a valid base64 value");
  return decoded;
}

struct CloudInit {
  std::string user_data;
  std::optional<std::string> network_data;
};

Result<CloudInit> cloud_init_of(const json::Value& source, const DataSources& sources) {
  auto user = text_of(source, sources, "userData", "secretRef", {"userdata", "userData"});
  if (!user) return fail(user.error());
  auto network = text_of(source, sources, "networkData", "networkDataSecretRef", {"networkdata", "networkData"});
  if (!network) return fail(network.error());
  return CloudInit{user->value_or(""), std::move(*network)};
}

/// One instance for the VM's whole life, however often it starts: cloud-init does its first-boot work once.
std::string instance_id(const json::Value& vmi) {
  return fmt::format("{}.{}", json::string_at(vmi, "/metadata/name"), json::string_at(vmi, "/metadata/namespace"));
}

std::string hostname_of(const json::Value& vmi) {
  const std::string name = json::string_at(vmi, "/spec/hostname", json::string_at(vmi, "/metadata/name"));
  return name.substr(0, name.find('.'));
}

Result<storage::FilesDisk> no_cloud(const json::Value& vmi, const json::Value& source, const DataSources& sources) {
  auto data = cloud_init_of(source, sources);
  if (!data) return fail(data.error());
  storage::FilesDisk disk{.label = "cidata", .files = {}};
  disk.files["meta-data"] =
      json::write(json::Object{{"instance-id", instance_id(vmi)}, {"local-hostname", hostname_of(vmi)}});
  disk.files["user-data"] = std::move(data->user_data);
  if (data->network_data) disk.files["network-config"] = std::move(*data->network_data);
  return disk;
}

Result<storage::FilesDisk> config_drive(const json::Value& vmi, const json::Value& source, const DataSources& sources) {
  auto data = cloud_init_of(source, sources);
  if (!data) return fail(data.error());
  const std::string uuid = json::string_at(vmi, "/spec/domain/firmware/uuid", json::string_at(vmi, "/metadata/uid"));
  storage::FilesDisk disk{.label = "config-2", .files = {}};
  disk.files["openstack/latest/meta_data.json"] = json::write(json::Object{{"instance_id", instance_id(vmi)},
                                                                           {"local_hostname", hostname_of(vmi)},
                                                                           {"hostname", hostname_of(vmi)},
                                                                           {"uuid", uuid}});
  disk.files["openstack/latest/user_data"] = std::move(data->user_data);
  if (data->network_data) disk.files["openstack/latest/network_data.json"] = std::move(*data->network_data);
  return disk;
}

Result<storage::FilesDisk> keys_of(const json::Value& source, const std::string& name,
                                   const std::function<Result<Data>(const std::string&)>& find) {
  auto data = find(name);
  const bool optional = json::bool_at(source, "/optional");
  if (!data && !(optional && data.error().code == Code::not_found)) return fail(data.error());
  return storage::FilesDisk{.label = json::string_at(source, "/volumeLabel", config_label),
                            .files = data ? std::move(*data) : Data{}};
}

}  // namespace

Data data_of(const json::Value& object) {
  const bool encoded = json::string_at(object, "/kind") == "Secret";
  Data data;
  for (const auto& [key, value] : json::object_at(object, "/data")) {
    if (!value.is_string()) continue;
    const std::string_view text = value.as_string();
    data[std::string{key}] = encoded ? base64_decode(text).value_or("") : std::string{text};
  }
  for (const auto& [key, value] : json::object_at(object, "/binaryData")) {
    if (value.is_string()) data[std::string{key}] = base64_decode(std::string_view{value.as_string()}).value_or("");
  }
  return data;
}

Result<storage::FilesDisk> files_of(const json::Value& vmi, const json::Value& volume, const DataSources& sources) {
  if (const auto* source = json::find(volume, "/cloudInitNoCloud")) return no_cloud(vmi, *source, sources);
  if (const auto* source = json::find(volume, "/cloudInitConfigDrive")) return config_drive(vmi, *source, sources);
  if (const auto* source = json::find(volume, "/configMap")) {
    return keys_of(*source, json::string_at(*source, "/name"), sources.config_map);
  }
  if (const auto* source = json::find(volume, "/secret")) {
    return keys_of(*source, json::string_at(*source, "/secretName"), sources.secret);
  }
  if (const auto* source = json::find(volume, "/serviceAccount")) {
    return keys_of(*source, json::string_at(*source, "/serviceAccountName"), sources.token);
  }
  return fail(Code::not_built_yet, "not built yet: this volume is of a kind that no agent knows");
}

}  // namespace godwit::node
