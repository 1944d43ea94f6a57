#include "qemu/command_line.hpp"

#include <fmt/format.h>

#include "json/value.hpp"
#include "qemu/command_line_check.hpp"

namespace godwit::qemu {
namespace {

// The ledger of PCI addresses on pcie.0 (0x00 and 0x1f are the chipset's). Guests in motion depend on it: both sides
// must agree, across versions of this program. Never renumber; only append.
constexpr std::size_t rng_slot = 0x01;
constexpr std::size_t first_nic_slot = 0x02;
constexpr std::size_t first_disk_slot = first_nic_slot + max_nics;
static_assert(first_disk_slot + max_disks == 0x1f);

std::string address(std::size_t slot) { return fmt::format("0x{:x}", slot); }

/// A value within QEMU's key=value lists.
std::string escape_commas(const std::filesystem::path& path) {
  std::string text;
  for (const char c : path.string()) text.append(c == ',' ? 2 : 1, c);
  return text;
}

class Arguments {
 public:
  explicit Arguments(std::string program) : argv_{std::move(program)} {}
  void add(std::string option) { argv_.push_back(std::move(option)); }
  void add(std::string option, std::string value) {
    argv_.push_back(std::move(option));
    argv_.push_back(std::move(value));
  }
  void add(std::string option, const json::Object& value) { add(std::move(option), json::write(value)); }
  std::vector<std::string> take() { return std::move(argv_); }

 private:
  std::vector<std::string> argv_;
};

void add_basics(Arguments& out, const MachineSpec& spec) {
  out.add("-name", fmt::format("guest={},debug-threads=on", escape_commas(spec.name)));
  out.add("-uuid", spec.uuid);
  out.add("-nodefaults");
  out.add("-no-user-config");
  out.add("-display", "none");
  out.add("-only-migratable");
  out.add("-S");
  // graphics=off sends the BIOS's screen to the serial console.
  out.add("-machine", spec.machine_type + ",usb=off,vmport=off,smm=off,graphics=off,dump-guest-core=off");
  if (spec.accelerator == Accelerator::tcg) {
    out.add("-accel", "tcg,thread=multi" +
                          (spec.tcg_tb_size_mb > 0 ? fmt::format(",tb-size={}", spec.tcg_tb_size_mb) : std::string{}));
  } else if (spec.kvm_fd >= 0) {
    out.add("-add-fd", fmt::format("fd={},set=1,opaque=kvm", spec.kvm_fd));
    out.add("-accel", "kvm,device=/dev/fdset/1");
  } else {
    out.add("-accel", "kvm");
  }
  out.add("-cpu", spec.cpu_model);
  out.add("-smp", fmt::format("{},sockets={},cores={},threads={}", spec.sockets * spec.cores * spec.threads,
                              spec.sockets, spec.cores, spec.threads));
  out.add("-m", fmt::format("size={}M", spec.memory_bytes >> 20));
  out.add("-overcommit", "mem-lock=off");
  out.add("-rtc", "base=utc,driftfix=slew");
  out.add("-boot", "menu=off,strict=on");
  out.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
  out.add("-msg", "timestamp=on");
}

void add_channels(Arguments& out, const MachinePaths& paths) {
  const auto socket = [](std::string_view id, const std::filesystem::path& path) {
    return fmt::format("socket,id={},path={},server=on,wait=off", id, escape_commas(path));
  };
  out.add("-chardev", socket("monitor", paths.monitor));
  out.add("-mon", "chardev=monitor,mode=control");
  out.add("-chardev", socket("oob", paths.oob_monitor));
  out.add("-mon", "chardev=oob,mode=control");
  out.add("-chardev",
          socket("console", paths.console) + fmt::format(",logfile={},logappend=on", escape_commas(paths.console_log)));
  out.add("-device", json::Object{{"driver", "isa-serial"}, {"id", "serial0"}, {"chardev", "console"}, {"index", 0}});
}

void add_always(Arguments& out) {
  out.add("-object", json::Object{{"qom-type", "rng-builtin"}, {"id", "rng-source"}});
  out.add("-device", json::Object{{"driver", "virtio-rng-pci"},
                                  {"id", "rng0"},
                                  {"rng", "rng-source"},
                                  {"bus", "pcie.0"},
                                  {"addr", address(rng_slot)},
                                  {"disable-legacy", "on"}});
  out.add("-device", json::Object{{"driver", "pvpanic"}, {"id", "panic0"}});
}

void add_nic(Arguments& out, const Nic& nic, std::size_t index) {
  const std::string backend = "tap-" + nic.id;
  json::Object netdev{{"type", "tap"}, {"id", backend}, {"vhost", false}};
  std::string numbers;
  for (const int fd : nic.tap_fds) numbers += (numbers.empty() ? "" : ":") + std::to_string(fd);
  const std::size_t queues = nic.tap_fds.size();
  netdev[queues > 1 ? "fds" : "fd"] = numbers;
  out.add("-netdev", netdev);
  json::Object device{{"driver", "virtio-net-pci"},
                      {"id", "net-" + nic.id},
                      {"netdev", backend},
                      {"mac", nic.mac},
                      {"bus", "pcie.0"},
                      {"addr", address(first_nic_slot + index)},
                      {"disable-legacy", "on"},
                      {"csum", true},
                      {"guest_csum", true},
                      {"romfile", ""}};
  if (queues > 1) {
    device["mq"] = true;
    device["vectors"] = 2 * queues + 2;
  }
  if (nic.mtu > 0) device["host_mtu"] = nic.mtu;
  out.add("-device", device);
}

void add_disk(Arguments& out, const Disk& disk, std::size_t index) {
  // Node names are short by QEMU's rule, hence the index instead of the disk's name.
  const std::string node = fmt::format("disk{}", index);
  const bool device_file = disk.path.string().starts_with("/dev/");
  const json::Object cache{{"direct", disk.direct_io}, {"no-flush", false}};
  const json::Object file{{"driver", device_file ? "host_device" : "file"},
                          {"node-name", fmt::format("file{}", index)},
                          {"filename", disk.path.string()},
                          {"aio", "threads"},
                          {"locking", "on"},
                          {"discard", "unmap"},
                          {"read-only", disk.read_only},
                          {"cache", cache}};
  out.add("-blockdev", json::Object{{"driver", "raw"},
                                    {"node-name", node},
                                    {"discard", "unmap"},
                                    {"read-only", disk.read_only},
                                    {"cache", cache},
                                    {"file", file}});
  json::Object device{{"driver", "virtio-blk-pci"},
                      {"id", "disk-" + disk.id},
                      {"drive", node},
                      {"bus", "pcie.0"},
                      {"addr", address(first_disk_slot + index)},
                      {"disable-legacy", "on"},
                      {"write-cache", "on"}};
  if (!disk.serial.empty()) device["serial"] = disk.serial;
  if (disk.boot_index > 0) device["bootindex"] = disk.boot_index;
  out.add("-device", device);
}

}  // namespace

std::string name_of(Accelerator accelerator) { return accelerator == Accelerator::kvm ? "kvm" : "tcg"; }

MachinePaths MachinePaths::in(const std::filesystem::path& directory) {
  return MachinePaths{.monitor = directory / "qmp.sock",
                      .oob_monitor = directory / "oob.sock",
                      .console = directory / "console.sock",
                      .console_log = directory / "console.log"};
}

Result<std::vector<std::string>> command_line(const MachineSpec& spec, const MachinePaths& paths,
                                              const std::string& program) {
  if (auto good = check(spec, paths); !good) return fail(good.error().within("machine " + spec.name));
  Arguments out{program};
  add_basics(out, spec);
  add_channels(out, paths);
  add_always(out);
  for (std::size_t i = 0; i < spec.nics.size(); ++i) add_nic(out, spec.nics[i], i);
  for (std::size_t i = 0; i < spec.disks.size(); ++i) add_disk(out, spec.disks[i], i);
  if (spec.incoming) out.add("-incoming", "defer");
  for (const std::string& argument : spec.extra) out.add(argument);
  return out.take();
}

}  // namespace godwit::qemu
