#include "node/volume_sources.hpp"

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "node/files_volume.hpp"
#include "rules/vm_state.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

constexpr const char* default_class = "/metadata/annotations/storageclass.kubernetes.io~1is-default-class";

Result<Data> data_from(const kube::Client& client, const kube::Resource& resource, const kube::Key& key,
                       const char* kind) {
  auto object = client.get(resource, key);
  if (!object && object.error().code == Code::not_found) {
    return fail(Code::not_found, fmt::format("{} \"{}\" not found", kind, key.name));
  }
  if (!object) return fail(object.error());
  json::set(*object, "/kind", json::Value(kind == std::string_view{"secret"} ? "Secret" : "ConfigMap"));
  return data_of(*object);
}

/// Of the Secret that holds a token of the account.
Result<Data> token_of(const kube::Client& client, const std::string& ns, const std::string& account) {
  constexpr const char* type = "kubernetes.io/service-account-token";
  const auto list = client.list(secrets, ns, {.label_selector = {}, .field_selector = std::string{"type="} + type});
  if (!list) return fail(list.error());
  for (const json::Value& object : list->items) {
    if (json::string_at(object, "/metadata/annotations/kubernetes.io~1service-account.name") != account) continue;
    json::Value secret = object;
    json::set(secret, "/kind", "Secret");
    return data_of(secret);
  }
  return fail(Code::not_found, fmt::format("there is no Secret of type {} for serviceaccount \"{}\"", type, account));
}

DataSources sources_in(const kube::Client& client, const std::string& ns) {
  return {.secret = [&client, ns](const std::string& n) { return data_from(client, secrets, {ns, n}, "secret"); },
          .config_map = [&client,
                         ns](const std::string& n) { return data_from(client, config_maps, {ns, n}, "configmap"); },
          .token = [&client, ns](const std::string& n) { return token_of(client, ns, n); }};
}

Result<std::filesystem::path> directory_of_claim(const kube::Client& client, const kube::Key& key) {
  const auto claim = client.get(persistent_volume_claims, key);
  if (!claim) return fail(claim.error());
  const std::string volume_name = json::string_at(*claim, "/spec/volumeName");
  if (volume_name.empty()) return fail(Code::unavailable, "claim " + key.text() + " is not bound to a volume yet");
  const auto volume = client.get(persistent_volumes, {.ns = {}, .name = volume_name});
  if (!volume) return fail(volume.error());
  const std::string directory = json::string_at(*volume, "/spec/hostPath/path");
  if (directory.empty()) return fail(Code::not_built_yet, "not built yet: volume " + volume_name + " is no hostPath");
  return std::filesystem::path{directory};
}

Result<VolumeSource> find_image(const std::filesystem::path& root, const std::string& image, const std::string& name) {
  if (root.empty())
    return fail(Code::unavailable, "there is no StorageClass of provisioner godwit.io/shared with images");
  if (auto path = storage::find_image(root, image)) return VolumeSource{source::Image{std::move(*path)}};
  const std::vector<std::string> candidates = storage::image_candidates(image);
  const std::string message =
      candidates.empty() ? fmt::format("Failed to pull image \"{}\": it is no image's name", image)
                         : fmt::format(
                               "Failed to pull image \"{}\": not found among the imported images; import it with "
                               "`godwit image import {} FILE`",
                               image, candidates.front());
  return fail(Error{Code::not_found, message, {{image_missing, message, name}}});
}

class Finder {
 public:
  Finder(const kube::Client& client, const json::Value& vmi, std::filesystem::path root)
      : client_{client},
        vmi_{vmi},
        ns_{json::string_at(vmi, "/metadata/namespace")},
        root_{std::move(root)},
        data_{sources_in(client, ns_)} {}

  [[nodiscard]] Result<VolumeSource> find(const json::Value& volume) const {
    if (const auto claim = json::string_at(volume, "/persistentVolumeClaim/claimName"); !claim.empty()) {
      return with_path<source::File>(claim);
    }
    if (const auto claim = json::string_at(volume, "/ephemeral/persistentVolumeClaim/claimName"); !claim.empty()) {
      return with_path<source::Overlaid>(claim);
    }
    if (const auto image = json::string_at(volume, "/containerDisk/image"); !image.empty()) {
      return find_image(root_, image, json::string_at(volume, "/name"));
    }
    if (json::find(volume, "/emptyDisk") != nullptr) {
      return VolumeSource{source::Empty{bytes_at(volume, "/emptyDisk/capacity")}};
    }
    if (const auto file = json::string_at(volume, "/hostDisk/path"); !file.empty()) {
      return VolumeSource{source::HostFile{file, bytes_at(volume, "/hostDisk/capacity")}};
    }
    auto files = files_of(vmi_, volume, data_);
    if (!files) return fail(files.error());
    return VolumeSource{std::move(*files)};
  }

 private:
  template <class Source>
  Result<VolumeSource> with_path(const std::string& claim) const {
    const auto directory = directory_of_claim(client_, {ns_, claim});
    if (!directory) return fail(directory.error());
    return VolumeSource{Source{*directory / "disk.img"}};
  }
  static std::int64_t bytes_at(const json::Value& volume, std::string_view pointer) {
    const auto* value = json::find(volume, pointer);
    if (value != nullptr && value->is_int64()) return value->as_int64();
    const auto quantity = Quantity::parse(json::string_at(volume, pointer));
    return quantity ? quantity->value() : 0;
  }

  const kube::Client& client_;
  const json::Value& vmi_;
  std::string ns_;
  std::filesystem::path root_;
  DataSources data_;
};

bool needs_directory(const json::Value& vmi) {
  for (const json::Value& volume : json::array_at(vmi, "/spec/volumes")) {
    if (json::find(volume, "/persistentVolumeClaim") == nullptr && json::find(volume, "/hostDisk") == nullptr)
      return true;
  }
  return false;
}

}  // namespace

Result<std::filesystem::path> shared_volumes(const kube::Client& client) {
  const auto classes = client.list(storage_classes);
  if (!classes) return fail(classes.error());
  std::filesystem::path first;
  for (const json::Value& each : classes->items) {
    const std::string path = json::string_at(each, "/parameters/path");
    if (json::string_at(each, "/provisioner") != "godwit.io/shared" || path.empty()) continue;
    if (json::string_at(each, default_class) == "true") return std::filesystem::path{path};
    if (first.empty()) first = path;
  }
  return first;
}

Result<VolumeSources> find_volumes(const kube::Client& client, const json::Value& vmi) {
  VolumeSources found;
  std::filesystem::path root;
  if (needs_directory(vmi)) {
    auto shared = shared_volumes(client);
    if (!shared) return fail(shared.error());
    root = std::move(*shared);
    // A share that isn't mounted must not be taken for one that is empty.
    std::error_code ignored;
    if (!root.empty() && !std::filesystem::is_directory(root, ignored)) {
      return fail(Code::unavailable, fmt::format("the shared directory {} is not on this node", root.string()));
    }
    if (!root.empty())
      found.shared_directory = storage::instance_directory(root, json::string_at(vmi, "/metadata/uid"));
  }
  const Finder finder{client, vmi, root};
  for (const json::Value& volume : json::array_at(vmi, "/spec/volumes")) {
    const std::string name = json::string_at(volume, "/name");
    auto one = finder.find(volume);
    if (!one) {
      Error error = one.error().within(fmt::format("MountVolume.SetUp failed for volume \"{}\" ", name));
      return fail(std::move(error));
    }
    if (const auto* files = std::get_if<storage::FilesDisk>(&*one)) found.fingerprint += storage::fingerprint(*files);
    found.by_name.emplace(name, std::move(*one));
  }
  if (rules::needs_vm_state(vmi)) {
    auto directory = directory_of_claim(
        client, {.ns = json::string_at(vmi, "/metadata/namespace"), .name = rules::vm_state_claim_name(vmi)});
    if (!directory) return fail(directory.error().within("the guest's persistent state"));
    found.by_name.emplace(vm_state, source::File{std::move(*directory)});
  }
  if (!found.fingerprint.empty()) {
    found.fingerprint = storage::fingerprint({.label = found.fingerprint, .files = {}});
  }
  return found;
}

}  // namespace godwit::node
