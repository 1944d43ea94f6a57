// image import, ls and rm.
#include <fmt/format.h>

#include "base/quantity.hpp"
#include "cli/image_file.hpp"
#include "cli/image_store.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

namespace fs = std::filesystem;

/// Removes the image's directories as far as nothing else is in them.
void remove_empty_directories(const ImageStore& store, const std::string& name) {
  std::error_code ignored;
  const fs::path directory = store.disk_of(name).parent_path();
  fs::remove(directory, ignored);
  if (name.find('/') != std::string::npos) fs::remove(directory.parent_path(), ignored);
}

}  // namespace

Result<> image_import(const Session& session, const ImportOptions& options) {
  if (auto problem = image_name_problem(options.name); !problem.empty()) return fail(Code::invalid, std::move(problem));
  const auto store = ImageStore::open(session.client);
  if (!store) return fail(store.error());
  if (auto fits = store->check_record(options.name); !fits) return fits;
  const fs::path disk = store->disk_of(options.name);
  std::error_code ignored;
  if (fs::exists(disk, ignored) && !options.force) {
    return fail(Code::already_exists, "the image exists already; give --force to replace it");
  }
  const auto image = install_image(options.file, disk);
  if (!image) {
    remove_empty_directories(*store, options.name);
    return fail(image.error());
  }
  const ImageRecord record{options.name, image->size_bytes, image->sha256};
  auto recorded = store->write_record(record);
  if (!recorded) return fail(recorded.error().within("the disk is in place, but not its ConfigMap"));
  print_answer(
      session.format,
      fmt::format("Image {} imported: {}, sha256 {}\n", options.name, format_bytes(image->size_bytes), image->sha256),
      to_json(record));
  return {};
}

Result<> image_ls(const Session& session) {
  const auto store = ImageStore::open(session.client);
  // Away from the shared directory the ConfigMaps still tell what was imported.
  if (!store && store.error().code != Code::not_found) return fail(store.error());
  const auto images = store ? store->list() : list_records(session.client);
  if (!images) return fail(images.error());
  if (images->empty() && session.format == Format::table) {
    fmt::print(stderr, "There are no images yet; `godwit image import NAME FILE` makes one.\n");
    return {};
  }
  json::Array items;
  for (const ImageRecord& image : *images) items.push_back(to_json(image));
  print_answer(session.format, image_table(*images), json::Object{{"items", std::move(items)}});
  return {};
}

Result<> image_rm(const Session& session, const std::string& name) {
  if (auto problem = image_name_problem(name); !problem.empty()) return fail(Code::invalid, std::move(problem));
  const auto store = ImageStore::open(session.client);
  if (!store) return fail(store.error());
  // The record goes first: a record without a disk would promise what isn't there.
  const auto recorded = store->remove_record(name);
  if (!recorded) return fail(recorded.error());
  std::error_code error;
  const bool removed = fs::remove(store->disk_of(name), error);
  if (error) return fail_errno(store->disk_of(name).string(), error.value());
  remove_empty_directories(*store, name);
  if (!removed && !*recorded) return fail(Code::not_found, "there is no such image; see `godwit image ls`");
  print_answer(session.format, fmt::format("Image {} removed\n", name), json::Object{{"name", name}, {"action", "rm"}});
  return {};
}

}  // namespace godwit::cli
