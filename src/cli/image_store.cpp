#include "cli/image_store.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "base/text.hpp"
#include "storage/volumes.hpp"

namespace godwit::cli {
namespace {

namespace fs = std::filesystem;
using namespace kube::resources;

constexpr const char* images_namespace = "godwit-images";

/// Objects' names have no slash.
kube::Key record_key(std::string name) {
  std::replace(name.begin(), name.end(), '/', '.');
  return {.ns = images_namespace, .name = std::move(name)};
}

json::Value to_object(const ImageRecord& image) {
  return json::Object{
      {"metadata",
       json::Object{{"name", record_key(image.name).name}, {"labels", json::Object{{"godwit.io/image", "true"}}}}},
      {"data",
       json::Object{{"name", image.name}, {"sizeBytes", std::to_string(image.size_bytes)}, {"sha256", image.sha256}}}};
}

bool is_default(const json::Value& storage_class) {
  return json::string_at(storage_class, "/metadata/annotations/storageclass.kubernetes.io~1is-default-class") == "true";
}

void add_disk(std::map<std::string, ImageRecord>& images, const fs::path& directory, const std::string& name) {
  std::error_code error;
  const auto size = fs::file_size(directory / "disk.img", error);
  if (error) return;
  ImageRecord& image = images[name];
  image.name = name;
  image.size_bytes = static_cast<std::int64_t>(size);
}

/// Every disk below images/, whoever put it there.
std::map<std::string, ImageRecord> disks_of(const fs::path& images_directory) {
  std::map<std::string, ImageRecord> images;
  std::error_code error;
  for (const auto& first : fs::directory_iterator{images_directory, error}) {
    if (!first.is_directory(error)) continue;
    const std::string name = first.path().filename().string();
    add_disk(images, first.path(), name);
    for (const auto& second : fs::directory_iterator{first.path(), error}) {
      if (second.is_directory(error)) add_disk(images, second.path(), name + "/" + second.path().filename().string());
    }
  }
  return images;
}

}  // namespace

std::string image_name_problem(std::string_view name) {
  if (auto problem = storage::image_name_problem(name); !problem.empty()) return problem;
  // The ConfigMap's name knows more rules.
  for (const std::string& part : split(name, '/')) {
    if (part.ends_with('-') || part.ends_with('.') || part.find("..") != std::string::npos || part.size() > 63) {
      return fmt::format("\"{}\" is no image name; end each part with a letter or digit, within 63 characters", name);
    }
  }
  return {};
}

json::Value to_json(const ImageRecord& image) {
  return json::Object{{"name", image.name}, {"sizeBytes", image.size_bytes}, {"sha256", image.sha256}};
}

std::string image_table(const std::vector<ImageRecord>& images) {
  std::size_t width = 4;
  for (const ImageRecord& image : images) width = std::max(width, image.name.size());
  std::string table = fmt::format("{:<{}}  {:>10}  SHA256\n", "NAME", width, "SIZE");
  for (const ImageRecord& image : images) {
    table += fmt::format("{:<{}}  {:>10}  {}\n", image.name, width, format_bytes(image.size_bytes),
                         image.sha256.empty() ? "<unknown>" : image.sha256.substr(0, 16));
  }
  return table;
}

Result<std::vector<ImageRecord>> list_records(const kube::Client& client) {
  const auto objects =
      client.list(config_maps, images_namespace, {.label_selector = "godwit.io/image=true", .field_selector = {}});
  if (!objects) return fail(objects.error());
  std::vector<ImageRecord> records;
  for (const json::Value& object : objects->items) {
    records.push_back({.name = json::string_at(object, "/data/name"),
                       .size_bytes = parse_number<std::int64_t>(json::string_at(object, "/data/sizeBytes")).value_or(0),
                       .sha256 = json::string_at(object, "/data/sha256")});
  }
  std::sort(records.begin(), records.end(), [](const ImageRecord& a, const ImageRecord& b) { return a.name < b.name; });
  return records;
}

fs::path ImageStore::disk_of(const std::string& name) const { return storage::image_path(root_, name); }

Result<ImageStore> ImageStore::open(const kube::Client& client) {
  const auto classes = client.list(storage_classes);
  if (!classes) return fail(classes.error());
  for (const json::Value& object : classes->items) {
    if (!is_default(object)) continue;
    const std::string name = kube::key_of(object).name;
    const fs::path path = json::string_at(object, "/parameters/path");
    if (path.empty()) {
      return fail(Code::invalid, fmt::format("StorageClass {} has no parameters.path; it must name the directory that "
                                             "all nodes share",
                                             name));
    }
    std::error_code error;
    if (fs::is_directory(path, error)) return ImageStore{client, path};
    return fail(Code::not_found, fmt::format("the directory {} of StorageClass {} is not on this machine; run this "
                                             "where the nodes' shared directory is mounted",
                                             path.string(), name));
  }
  return fail(Code::not_found,
              "there is no default StorageClass; make one of provisioner godwit.io/shared whose parameters.path is the "
              "directory that all nodes share");
}

Result<> ImageStore::check_record(const std::string& name) const {
  const auto existing = client_->get(config_maps, record_key(name));
  if (!existing) return existing.error().code == Code::not_found ? Result<>{} : fail(existing.error());
  const std::string other = json::string_at(*existing, "/data/name");
  if (other == name) return {};
  return fail(Code::conflict, fmt::format("the name is too much like that of image {}; choose another", other));
}

Result<> ImageStore::write_record(const ImageRecord& image) const {
  const json::Value object = to_object(image);
  auto written = client_->create(config_maps, images_namespace, object);
  if (!written && written.error().code == Code::not_found) {
    (void)client_->create(namespaces, {}, json::Object{{"metadata", json::Object{{"name", images_namespace}}}});
    written = client_->create(config_maps, images_namespace, object);
  }
  if (!written && written.error().code == Code::already_exists) {
    written = client_->patch(config_maps, record_key(image.name), kube::PatchType::merge, object);
  }
  if (!written) return fail(written.error());
  return {};
}

Result<bool> ImageStore::remove_record(const std::string& name) const {
  const auto existing = client_->get(config_maps, record_key(name));
  if (!existing && existing.error().code == Code::not_found) return false;
  if (!existing) return fail(existing.error());
  if (json::string_at(*existing, "/data/name") != name) return false;
  auto removed = client_->remove(config_maps, record_key(name));
  if (!removed) return fail(removed.error());
  return true;
}

Result<std::vector<ImageRecord>> ImageStore::list() const {
  auto images = disks_of(root_ / "images");
  const auto records = list_records(*client_);
  if (!records) return fail(records.error());
  for (const ImageRecord& record : *records) {
    const auto found = images.find(record.name);
    // A disk that was replaced by hand is not the one that was summed.
    if (found != images.end() && found->second.size_bytes == record.size_bytes) found->second.sha256 = record.sha256;
  }
  std::vector<ImageRecord> list;
  for (auto& [name, image] : images) list.push_back(std::move(image));
  return list;
}

}  // namespace godwit::cli
