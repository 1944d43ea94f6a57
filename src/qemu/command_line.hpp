// A virtual machine as a value, and the QEMU command line that it means. Pure.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "qemu/platform.hpp"

namespace godwit::qemu {

enum class Accelerator : std::uint8_t { tcg, kvm };
[[nodiscard]] std::string name_of(Accelerator accelerator);

enum class DiskBus : std::uint8_t { virtio, sata, scsi };
enum class DiskFormat : std::uint8_t { raw, qcow2 };
/// Of the host. Only `none` (O_DIRECT) is safe for a disk that two hosts open in turn and that is written to.
enum class DiskCache : std::uint8_t { none, writethrough, writeback };

/// An image or block device, and how the guest sees it.
struct Disk {
  std::string id;  ///< "rootdisk": letters, digits, "-", "_", "."; unique
  std::filesystem::path path;
  DiskFormat format = DiskFormat::raw;
  std::filesystem::path base = {};  ///< qcow2: the raw file or device that it lies over, read only; "" for none
  DiskBus bus = DiskBus::virtio;
  bool cdrom = false;  ///< always read only; on SATA or SCSI
  bool read_only = false;
  bool shareable = false;  ///< other machines may have it open for writing too
  DiskCache cache = DiskCache::none;
  bool native_aio = false;        ///< Linux's asynchronous I/O instead of threads; wants DiskCache::none
  bool own_thread = false;        ///< an I/O thread of its own; virtio only
  std::string error_policy = {};  ///< "stop", "report", "ignore" or "enospace"; "" = QEMU's
  int logical_block = 0;          ///< bytes, a power of two from 512; 0 = QEMU's
  int physical_block = 0;         ///< likewise, not below the logical one
  std::string serial = {};        ///< up to 20 characters
  int boot_index = 0;             ///< 1 = first; 0 = not booted from

  bool operator==(const Disk&) const = default;
};

/// A network card on a tap that is already open.
struct Nic {
  std::string id;                ///< "default"; unique
  std::string mac;               ///< "02:00:00:00:00:01"
  std::vector<int> tap_fds;      ///< one a queue; the same numbers here and in QEMU
  int mtu = 0;                   ///< told to the guest by virtio; 0 = nothing told
  std::string model = "virtio";  ///< "virtio", "e1000", "e1000e", "rtl8139"
  int boot_index = 0;            ///< 1 = first; 0 = not booted from
  int acpi_index = 0;            ///< gives the guest's name of the card, "eno1"; 0 = none

  bool operator==(const Nic&) const = default;
};

/// Where QEMU's sockets and files are, all in one directory. Absolute; socket paths of up to 107 bytes.
struct MachinePaths {
  std::filesystem::path monitor;      ///< QMP, in-band
  std::filesystem::path oob_monitor;  ///< QMP, for out-of-band commands
  std::filesystem::path console;      ///< the first serial port, one client at a time
  std::filesystem::path console_log;  ///< everything that the serial port printed
  std::filesystem::path run_states;   ///< QEMU's own record of when the guest ran: run_states.hpp
  std::filesystem::path vnc;          ///< RFB, when there is a video device; many clients
  std::filesystem::path tpm;          ///< where swtpm listens, when there is a TPM
  std::filesystem::path agent;        ///< the guest's agent, one client at a time

  [[nodiscard]] static MachinePaths in(const std::filesystem::path& directory);
  bool operator==(const MachinePaths&) const = default;
};

struct MachineSpec {
  std::string name;                          ///< shown in the process list
  std::string uuid;                          ///< the guest's SMBIOS uuid, the same on both sides of a migration
  std::string machine_type = "pc-q35-10.0";  ///< versioned
  Accelerator accelerator = Accelerator::tcg;
  std::string cpu_model = "qemu64";  ///< with features: "EPYC-v4,+avx2,enforce"
  int sockets = 1;
  int cores = 1;
  int threads = 1;
  std::int64_t memory_bytes = 0;  ///< a multiple of 1 MiB
  std::vector<Disk> disks = {};   ///< the order gives the addresses: never change it for a running guest
  std::vector<Nic> nics = {};
  Devices devices = {};
  Platform platform = {};
  Firmware firmware = {};
  Clock clock = {};
  int tcg_tb_size_mb = 0;               ///< TCG's translation cache; 0 = QEMU's default (a part of the host's memory)
  int kvm_fd = -1;                      ///< an open /dev/kvm to be used, so that QEMU's user needs no right on it
  bool incoming = false;                ///< waits for migrate-incoming
  std::vector<std::string> extra = {};  ///< appended as they are (firmware, kernel: for tests and the trial)

  bool operator==(const MachineSpec&) const = default;
};

/// "qemu-system-x86_64" and its arguments. The machine always starts stopped (-S): whoever owns the guest continues it.
/// Both sides of a migration get the same devices at the same addresses from the same spec.
/// Code::invalid names what is wrong: an id, a MAC, a size, two things of one name, too many devices, a path too long.
[[nodiscard]] Result<std::vector<std::string>> command_line(const MachineSpec& spec, const MachinePaths& paths,
                                                            const std::string& program = "qemu-system-x86_64");

}  // namespace godwit::qemu
