// Disks and volumes of a VMI's spec, refused with KubeVirt's words.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/quantity.hpp"
#include "rules/guest_checks.hpp"
#include "rules/volumes.hpp"

namespace godwit::rules {
namespace {

constexpr std::size_t longest_serial = 20;
constexpr std::size_t longest_cloud_init = 2048;
constexpr std::size_t longest_label = 32;
constexpr std::int64_t largest_block = 2 << 20;

/// "disk", "cdrom" or "lun": what the disk says it is, or "" when it says nothing or too much.
std::string kind_of(const json::Value& disk) {
  std::string kind;
  for (const auto* each : {"disk", "cdrom", "lun"}) {
    const auto* found = json::find(disk, fmt::format("/{}", each));
    if (found == nullptr || found->is_null()) continue;
    if (!kind.empty()) return {};
    kind = each;
  }
  return kind.empty() ? "disk" : kind;
}

std::string bus_of(const json::Value& disk, const std::string& kind) {
  return json::string_at(disk, fmt::format("/{}/bus", kind), kind == "disk" ? "virtio" : "sata");
}

void check_bus(Findings& f, const json::Value& disk, const std::string& here, const std::string& kind) {
  const auto bus = json::string_at(disk, fmt::format("/{}/bus", kind));
  const auto path = fmt::format("{}.{}.bus", here, kind);
  static const std::set<std::string> known{"", "virtio", "scsi", "sata", "usb"};
  if (bus == "ide") return f.invalid(path, "IDE bus is not supported");
  if (!known.contains(bus)) {
    return f.invalid(path, fmt::format("{} is set with an unrecognized bus {}, must be one of: [virtio scsi sata usb]",
                                       f.at(path), bus));
  }
  if (bus == "usb") return f.invalid(path, "not built yet: disks on the bus usb");
  if (kind == "cdrom" && bus == "virtio") {
    return f.invalid(path, fmt::format("Bus type {} is invalid for CD-ROM device", bus));
  }
  if (kind == "disk" && bus == "sata" && json::bool_at(disk, "/disk/readonly")) {
    f.invalid(fmt::format("{}.disk.readonly", here), "not built yet: read-only disks on the bus sata; use a cdrom");
  }
}

void check_cdrom(Findings& f, const json::Value& disk, const std::string& here) {
  if (!json::bool_at(disk, "/cdrom/readonly", true)) {
    f.invalid(here + ".cdrom.readonly", fmt::format("not built yet: {}.cdrom.readonly of false", f.at(here)));
  }
  const auto tray = json::string_at(disk, "/cdrom/tray", "closed");
  if (tray == "open") f.invalid(here + ".cdrom.tray", "not built yet: cdroms whose tray is open");
  if (tray != "open" && tray != "closed") {
    f.invalid(here + ".cdrom.tray", fmt::format("{}.cdrom.tray has invalid value {}", f.at(here), tray));
  }
}

void check_serial(Findings& f, const json::Value& disk, const std::string& here) {
  const auto serial = json::string_at(disk, "/serial");
  const auto path = here + ".serial";
  if (serial.size() > longest_serial) {
    f.invalid(path,
              fmt::format("{} must be less than or equal to {} in length, if specified", f.at(here), longest_serial));
  }
  const bool good = std::all_of(serial.begin(), serial.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view{"_.+-"}.find(c) != std::string::npos;
  });
  if (!good) {
    f.invalid(path,
              fmt::format("{} must be made up of the following characters [A-Za-z0-9_.+-], if specified", f.at(here)));
  }
}

void check_host_side(Findings& f, const json::Value& disk, const std::string& here, const std::string& bus) {
  static const std::set<std::string> caches{"", "none", "writethrough", "writeback"};
  static const std::set<std::string> policies{"", "stop", "ignore", "report", "enospace"};
  const auto cache = json::string_at(disk, "/cache");
  if (!caches.contains(cache)) {
    f.invalid(here + ".cache", fmt::format("{} has invalid value {}", f.at(here + ".cache"), cache));
  }
  const auto policy = json::string_at(disk, "/errorPolicy");
  if (!policies.contains(policy)) {
    f.invalid(here + ".errorPolicy", fmt::format("{} has invalid value \"{}\"", f.at(here + ".errorPolicy"), policy));
  }
  const auto io = json::string_at(disk, "/io");
  if (!io.empty() && io != "native" && io != "threads" && io != "default") {
    f.invalid(here + ".io", fmt::format("Disk IO mode for {} is not supported. Supported modes are: native, threads, "
                                        "default.",
                                        f.at(here)));
  }
  if (io == "native" && !cache.empty() && cache != "none") {
    f.invalid(here + ".io", fmt::format("{}.io native needs {}.cache none", f.at(here), f.at(here)));
  }
  if (json::bool_at(disk, "/shareable") && !cache.empty() && cache != "none") {
    f.invalid(here + ".cache",
              fmt::format("a sharable disk requires cache = none, {} is {}", f.at(here + ".cache"), cache));
  }
  if (json::bool_at(disk, "/dedicatedIOThread") && bus != "virtio") {
    f.invalid(here + ".dedicatedIOThread", fmt::format("not built yet: dedicatedIOThread on the bus {}", bus));
  }
}

void check_block_size(Findings& f, const json::Value& disk, const std::string& here) {
  const auto* custom = json::find(disk, "/blockSize/custom");
  if (custom == nullptr || !custom->is_object()) return;
  const auto logical = json::int_at(*custom, "/logical");
  const auto physical = json::int_at(*custom, "/physical");
  const auto path = here + ".blockSize.custom";
  if (logical > physical) {
    return f.invalid(
        path + ".logical",
        fmt::format("Logical size {} must be the same or less than the physical size of {}", logical, physical));
  }
  for (const auto& [size, name] : {std::pair{logical, ".logical"}, std::pair{physical, ".physical"}}) {
    if (size < 512) {
      f.invalid(path + name, fmt::format("Provided size of {} is less than the supported minimum size of 512", size));
    } else if (size > largest_block) {
      f.invalid(path + name,
                fmt::format("Provided size of {} is greater than the supported maximum size of 2 MiB", size));
    } else if ((size & (size - 1)) != 0) {
      f.invalid(path + name, fmt::format("Provided size of {} is not a power of 2", size));
    }
  }
}

void check_disk(Findings& f, const json::Value& disk, const std::string& here, std::set<std::int64_t>& orders) {
  const auto kind = kind_of(disk);
  if (kind.empty()) return f.invalid(here, fmt::format("{} can only have a single target type defined", f.at(here)));
  if (kind == "lun") return;  // refused by name already
  if (const auto* order = json::find(disk, "/bootOrder"); order != nullptr && !order->is_null()) {
    const auto number = json::int_at(disk, "/bootOrder");
    const auto path = here + ".bootOrder";
    if (number < 1) {
      f.invalid(path, fmt::format("{} must have a boot order > 0, if supplied", f.at(here)));
    } else if (!orders.insert(number).second) {
      f.invalid(path, fmt::format("Boot order for {} already set for a different device.", f.at(path)));
    }
  }
  check_bus(f, disk, here, kind);
  if (kind == "cdrom") check_cdrom(f, disk, here);
  check_serial(f, disk, here);
  check_host_side(f, disk, here, bus_of(disk, kind));
  check_block_size(f, disk, here);
}

void check_cloud_init_data(Findings& f, const json::Value& source, const std::string& here, const std::string& field,
                           std::string_view noun, std::string_view secret, std::size_t& set_in_all) {
  std::size_t set = 0;
  std::size_t length = 0;
  if (!json::string_at(source, fmt::format("/{}/name", secret)).empty()) ++set;
  if (const auto encoded = json::string_at(source, fmt::format("/{}Base64", field)); !encoded.empty()) {
    ++set;
    const auto decoded = base64_decode(encoded);
    const auto path = fmt::format("{}.{}Base64", here, field);
    if (!decoded) f.invalid(path, fmt::format("{} is not a valid base64 value.", f.at(path)));
    length = decoded ? decoded->size() : 0;
  }
  if (const auto plain = json::string_at(source, "/" + field); !plain.empty()) {
    ++set;
    length = plain.size();
  }
  const bool user = noun == "userdata";
  if (set > 1) {
    f.invalid(here, user ? fmt::format("{} must have only one userdatasource set.", f.at(here))
                         : fmt::format("{} must have only one networkdata source set.", f.at(here)));
  }
  if (length > longest_cloud_init) {
    f.invalid(here, fmt::format("{} {} exceeds {} byte limit. Should use {}SecretRef for larger data.", f.at(here),
                                noun, longest_cloud_init, user ? "UserData" : "NetworkData"));
  }
  set_in_all += set;
}

void check_cloud_init(Findings& f, const json::Value& volume, const std::string& here) {
  for (const auto* kind : {"cloudInitNoCloud", "cloudInitConfigDrive"}) {
    const auto* source = json::find(volume, fmt::format("/{}", kind));
    if (source == nullptr) continue;
    const auto path = fmt::format("{}.{}", here, kind);
    std::size_t set = 0;
    check_cloud_init_data(f, *source, path, "userData", "userdata", "secretRef", set);
    check_cloud_init_data(f, *source, path, "networkData", "networkdata", "networkDataSecretRef", set);
    if (set == 0) {
      f.invalid(path,
                fmt::format("{} must have at least one userdatasource or one networkdatasource set.", f.at(path)));
    }
  }
}

void check_host_disk(Findings& f, const json::Value& source, const std::string& here) {
  const auto path = json::string_at(source, "/path");
  const auto type = json::string_at(source, "/type");
  const bool capacity = json::find(source, "/capacity") != nullptr;
  if (path.empty()) {
    f.required(here + ".path", fmt::format("{}.path is required for hostDisk volume", f.at(here)));
  } else if (!path.starts_with("/")) {
    f.invalid(here + ".path", fmt::format("{}.path must be an absolute path", f.at(here)));
  }
  if (type != "Disk" && type != "DiskOrCreate") {
    f.invalid(here + ".type",
              fmt::format("{}.type has invalid value '{}', allowed are 'Disk' or 'DiskOrCreate'", f.at(here), type));
  } else if (type == "Disk" && capacity) {
    f.invalid(here + ".capacity",
              fmt::format("{}.capacity is allowed to pass only with {}.type equal to 'DiskOrCreate'", f.at(here),
                          f.at(here)));
  } else if (type == "DiskOrCreate" && !capacity) {
    f.required(here + ".capacity", fmt::format("{}.capacity is required for type 'DiskOrCreate'", f.at(here)));
  }
}

void check_size(Findings& f, const json::Value& volume, const char* pointer, const std::string& path) {
  const auto* value = json::find(volume, pointer);
  if (value == nullptr || value->is_int64()) return;
  const auto size = Quantity::parse(json::string_at(volume, pointer));
  if (!size || size->value() < 512) f.invalid(path, fmt::format("{} is no size of a disk", f.at(path)));
}

void check_container_disk(Findings& f, const json::Value& source, const std::string& here) {
  if (json::string_at(source, "/image").empty()) {
    f.required(here + ".image", fmt::format("{}.image is a required field", f.at(here)));
  }
  if (json::string_at(source, "/imagePullPolicy") == "Always") {
    f.invalid(here + ".imagePullPolicy",
              "not built yet: pulling images; they are imported, so write IfNotPresent or Never");
  }
}

void check_volume(Findings& f, const json::Value& volume, const std::string& here) {
  const auto required = [&](std::string_view pointer, std::string_view kind, std::string_view field) {
    const auto* source = json::find(volume, pointer);
    if (source == nullptr || !json::string_at(*source, fmt::format("/{}", field)).empty()) return;
    const auto path = fmt::format("{}.{}.{}", here, kind, field);
    f.required(path, fmt::format("{} is a required field", f.at(path)));
  };
  required("/persistentVolumeClaim", "persistentVolumeClaim", "claimName");
  required("/ephemeral/persistentVolumeClaim", "ephemeral.persistentVolumeClaim", "claimName");
  required("/configMap", "configMap", "name");
  required("/secret", "secret", "secretName");
  required("/serviceAccount", "serviceAccount", "serviceAccountName");
  if (json::find(volume, "/ephemeral") != nullptr &&
      json::find(volume, "/ephemeral/persistentVolumeClaim") == nullptr) {
    f.required(here + ".ephemeral", fmt::format("{}.ephemeral.persistentVolumeClaim is a required field", f.at(here)));
  }
  check_cloud_init(f, volume, here);
  if (const auto* source = json::find(volume, "/hostDisk")) check_host_disk(f, *source, here + ".hostDisk");
  if (const auto* source = json::find(volume, "/containerDisk")) {
    check_container_disk(f, *source, here + ".containerDisk");
  }
  check_size(f, volume, "/emptyDisk/capacity", here + ".emptyDisk.capacity");
  check_size(f, volume, "/hostDisk/capacity", here + ".hostDisk.capacity");
  for (const auto* kind : {"configMap", "secret"}) {
    const auto label = json::string_at(volume, fmt::format("/{}/volumeLabel", kind));
    if (label.size() <= longest_label && !label.starts_with('-')) continue;
    const auto path = fmt::format("{}.{}.volumeLabel", here, kind);
    f.invalid(path, fmt::format("{} must be less than or equal to {} in length", f.at(path), longest_label));
  }
}

/// QEMU has no read-only hard disk on SATA.
void check_shown_as(Findings& f, const json::Array& disks, const std::string& name) {
  for (std::size_t i = 0; i < disks.size(); ++i) {
    if (json::string_at(disks[i], "/name") != name || kind_of(disks[i]) != "disk" ||
        bus_of(disks[i], "disk") != "sata") {
      continue;
    }
    f.invalid(fmt::format("domain.devices.disks[{}].disk.bus", i),
              "not built yet: volumes made of files as a disk on the bus sata; use a cdrom");
  }
}

}  // namespace

void check_disks(Findings& f) {
  const auto disks = check_names(f, "/domain/devices/disks", "domain.devices.disks");
  const auto volumes = check_names(f, "/volumes", "volumes");
  check_pairs(f, disks, "domain.devices.disks", volumes, "volumes");
  check_pairs(f, volumes, "volumes", disks, "disks");
  std::set<std::int64_t> orders;
  const auto& list = json::array_at(f.spec, "/domain/devices/disks");
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].is_object()) check_disk(f, list[i], fmt::format("domain.devices.disks[{}]", i), orders);
  }
}

void check_volumes(Findings& f) {
  const auto& list = json::array_at(f.spec, "/volumes");
  const auto& disks = json::array_at(f.spec, "/domain/devices/disks");
  std::size_t accounts = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto& volume = list[i];
    const auto here = fmt::format("volumes[{}]", i);
    if (!volume.is_object()) continue;
    const auto count = volume.as_object().size() - (json::find(volume, "/name") != nullptr ? 1 : 0);
    if (count != 1) f.invalid(here, fmt::format("{} must have exactly one source type set", f.at(here)));
    if (json::find(volume, "/serviceAccount") != nullptr) ++accounts;
    check_volume(f, volume, here);
    if (is_made_of_files(volume)) check_shown_as(f, disks, json::string_at(volume, "/name"));
  }
  if (accounts > 1)
    f.invalid("volumes", fmt::format("{} must have max one serviceAccount volume set", f.at("volumes")));
}

}  // namespace godwit::rules
