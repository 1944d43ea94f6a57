#include <algorithm>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/quantity.hpp"
#include "base/text.hpp"

#include "cli/verbs.hpp"
#include "storage/volumes.hpp"

namespace godwit::cli {
namespace {

using namespace kube::resources;

constexpr const char* images_namespace = "godwit-images";
constexpr std::chrono::hours patience{2};

/// The ConfigMap that records the image: "godwit/tiny" → "godwit-tiny".
std::string object_name_of_image(std::string name) {
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

/// The directory that all hosts share, by the default storage class.
Result<std::filesystem::path> shared_directory(const Session& session) {
  const auto classes = session.client.list(storage_classes);
  if (!classes) return fail(classes.error());
  for (const json::Value& storage_class : classes->items) {
    if (json::string_at(storage_class, "/metadata/annotations/storageclass.kubernetes.io~1is-default-class") != "true")
      continue;
    const std::filesystem::path path = json::string_at(storage_class, "/parameters/path");
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) return path;
    return fail(
        Code::not_found,
        fmt::format("{} is not on this machine; run this where the hosts' shared directory is mounted", path.string()));
  }
  return fail(Code::not_found, "the cluster has no default storage class");
}

/// A raw copy beside the final place; qemu-img reads every format and skips holes.
Result<> convert(const std::filesystem::path& from, const std::filesystem::path& to) {
  auto done = run_checked({.argv = {"qemu-img", "convert", "-O", "raw", from, to}}, Deadline::after(patience));
  if (!done) return fail(done.error());
  return {};
}

Result<std::string> sha256_of(const std::filesystem::path& file) {
  auto sum = run_checked({.argv = {"sha256sum", "-b", file}}, Deadline::after(patience));
  if (!sum) return sum;
  return sum->substr(0, 64);
}

}  // namespace

Result<> image_import(const Session& session, const std::string& name, const std::filesystem::path& file, bool force) {
  if (std::string problem = storage::image_name_problem(name); !problem.empty())
    return fail(Code::invalid, std::move(problem));
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return fail(Code::not_found, file.string() + ": no such file");
  const auto shared = shared_directory(session);
  if (!shared) return fail(shared.error());
  const auto directory = storage::image_path(*shared, name).parent_path();
  if (std::filesystem::exists(directory / "disk.img", error) && !force) {
    return fail(Code::already_exists, fmt::format("image {} exists; --force replaces it", name));
  }
  if (auto made = make_directory(directory); !made) return made;
  const auto unfinished = directory / "disk.img.unfinished";
  if (auto converted = convert(file, unfinished); !converted) return converted;
  const auto sum = sha256_of(unfinished);
  if (!sum) return fail(sum.error());
  const auto size = std::filesystem::file_size(unfinished, error);
  std::filesystem::rename(unfinished, directory / "disk.img", error);
  if (error) return fail(Code::internal, directory.string() + ": " + error.message());
  const json::Value record = json::Object{
      {"metadata",
       json::Object{{"name", object_name_of_image(name)}, {"labels", json::Object{{"godwit.io/image", "true"}}}}},
      {"data", json::Object{{"name", name}, {"sizeBytes", std::to_string(size)}, {"sha256", *sum}}}};
  auto written = session.client.create(config_maps, images_namespace, record);
  if (!written && written.error().code == Code::already_exists) {
    written = session.client.patch(config_maps, {.ns = images_namespace, .name = object_name_of_image(name)},
                                   kube::PatchType::merge, record);
  }
  if (!written) return fail(written.error());
  fmt::print("image {} imported ({})\n", name, format_bytes(static_cast<std::int64_t>(size)));
  return {};
}

Result<> image_list(const Session& session) {
  const auto list = session.client.list(config_maps, images_namespace,
                                        {.label_selector = "godwit.io/image=true", .field_selector = {}});
  if (!list) return fail(list.error());
  if (list->items.empty()) {
    fmt::print(stderr, "No images. Import one with `godwit image import NAME FILE`.\n");
    return {};
  }
  fmt::print("{:<32} {:>10}  {}\n", "NAME", "SIZE", "SHA256");
  for (const json::Value& image : list->items) {
    const auto size = parse_number<std::int64_t>(json::string_at(image, "/data/sizeBytes")).value_or(0);
    fmt::print("{:<32} {:>10}  {}\n", json::string_at(image, "/data/name"), format_bytes(size),
               json::string_at(image, "/data/sha256").substr(0, 12));
  }
  return {};
}

Result<> image_remove(const Session& session, const std::string& name) {
  if (std::string problem = storage::image_name_problem(name); !problem.empty())
    return fail(Code::invalid, std::move(problem));
  const auto shared = shared_directory(session);
  if (!shared) return fail(shared.error());
  const auto directory = storage::image_path(*shared, name).parent_path();
  std::error_code error;
  if (!std::filesystem::exists(directory / "disk.img", error))
    return fail(Code::not_found, "there is no image " + name + "; see `godwit image ls`");
  std::filesystem::remove_all(directory, error);
  if (error) return fail(Code::internal, directory.string() + ": " + error.message());
  auto removed = session.client.remove(config_maps, {.ns = images_namespace, .name = object_name_of_image(name)});
  if (!removed && removed.error().code != Code::not_found) return fail(removed.error());
  fmt::print("image {} removed\n", name);
  return {};
}

}  // namespace godwit::cli
