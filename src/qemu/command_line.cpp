#include "qemu/command_line.hpp"

#include <fmt/format.h>

#include "qemu/command_line_check.hpp"
#include "qemu/command_line_parts.hpp"

namespace godwit::qemu {
namespace {

void add_basics(Arguments& out, const MachineSpec& spec, const MachinePaths& paths) {
  out.add("-name", fmt::format("guest={},debug-threads=on", escape_commas(spec.name)));
  out.add("-uuid", spec.uuid);
  out.add("-nodefaults");
  out.add("-no-user-config");
  out.add("-display", "none");
  out.add("-only-migratable");
  out.add("-S");
  // A guest that switches itself off, or panics, leaves its QEMU for the agent to find, however late that comes.
  out.add("-action", "shutdown=pause,panic=pause");
  out.add("-machine", machine_of(spec));
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
  add_clock(out, spec);
  out.add("-boot", "menu=off,strict=on");
  out.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
  out.add("-msg", "timestamp=on");
  // Written by QEMU itself, so that no agent's death can falsify it: when the guest ran here.
  out.add("-D", paths.run_states.string());
  out.add("-trace", "runstate_set");
  out.add("-trace", "vm_state_notify");
}

void add_channels(Arguments& out, const MachineSpec& spec, const MachinePaths& paths) {
  out.add("-chardev", socket_chardev("monitor", paths.monitor));
  out.add("-mon", "chardev=monitor,mode=control");
  out.add("-chardev", socket_chardev("oob", paths.oob_monitor));
  out.add("-mon", "chardev=oob,mode=control");
  if (!spec.devices.serial_console) return;
  const std::string log =
      spec.devices.console_log ? fmt::format(",logfile={},logappend=on", escape_commas(paths.console_log)) : "";
  out.add("-chardev", socket_chardev("console", paths.console) + log);
  out.add("-device", json::Object{{"driver", "isa-serial"}, {"id", "serial0"}, {"chardev", "console"}, {"index", 0}});
}

}  // namespace

std::string name_of(Accelerator accelerator) { return accelerator == Accelerator::kvm ? "kvm" : "tcg"; }

MachinePaths MachinePaths::in(const std::filesystem::path& directory) {
  return MachinePaths{.monitor = directory / "qmp.sock",
                      .oob_monitor = directory / "oob.sock",
                      .console = directory / "console.sock",
                      .console_log = directory / "console.log",
                      .run_states = directory / "run-states.log",
                      .vnc = directory / "vnc.sock",
                      .tpm = directory / "tpm.sock",
                      .agent = directory / "agent.sock"};
}

Result<std::vector<std::string>> command_line(const MachineSpec& spec, const MachinePaths& paths,
                                              const std::string& program) {
  if (auto good = check(spec, paths); !good) return fail(good.error().within("machine " + spec.name));
  Arguments out{program};
  add_basics(out, spec, paths);
  add_channels(out, spec, paths);
  add_firmware(out, spec);
  add_devices(out, spec, paths);
  for (std::size_t i = 0; i < spec.nics.size(); ++i) add_nic(out, spec.nics[i], i);
  add_disks(out, spec.disks);
  if (spec.incoming) out.add("-incoming", "defer");
  for (const std::string& argument : spec.extra) out.add(argument);
  return out.take();
}

}  // namespace godwit::qemu
