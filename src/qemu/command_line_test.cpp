#include "qemu/command_line.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace godwit::qemu {
namespace {

MachineSpec ordinary() {
  MachineSpec spec;
  spec.name = "default_web";
  spec.uuid = "6f1b4d3e-50cb-4f6c-9d07-0d7e5a7f1a11";
  spec.cpu_model = "qemu64,+ssse3";
  spec.cores = 2;
  spec.memory_bytes = 256LL << 20;
  spec.tcg_tb_size_mb = 64;
  spec.disks.push_back(Disk{.id = "root", .path = "/shared/volumes/u1/disk.img", .serial = "a,b", .boot_index = 1});
  spec.nics.push_back(Nic{.id = "default", .mac = "02:00:00:00:00:01", .tap_fds = {20}, .mtu = 1450});
  return spec;
}

MachinePaths paths() { return MachinePaths::in("/run/vm"); }

std::vector<std::string> line_of(const MachineSpec& spec) {
  auto line = command_line(spec, paths());
  EXPECT_TRUE(line) << line.error().message;
  return line ? *line : std::vector<std::string>{};
}

bool has(const std::vector<std::string>& line, const std::string& argument) {
  return std::find(line.begin(), line.end(), argument) != line.end();
}

/// The first argument that holds the text, or "".
std::string holding(const std::vector<std::string>& line, const std::string& text) {
  for (const std::string& argument : line) {
    if (argument.find(text) != std::string::npos) return argument;
  }
  return {};
}

std::string problem_of(const MachineSpec& spec, const MachinePaths& where = paths()) {
  auto line = command_line(spec, where);
  if (line) return "none";
  EXPECT_EQ(line.error().code, Code::invalid);
  return line.error().message;
}

// A guest in motion depends on every device and address of this text: a change needs care for the guests that run, not
// just a new expectation.
TEST(CommandLine, IsThis) {
  const std::vector<std::string> expected{
      "qemu-system-x86_64",
      "-name",
      "guest=default_web,debug-threads=on",
      "-uuid",
      "6f1b4d3e-50cb-4f6c-9d07-0d7e5a7f1a11",
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-only-migratable",
      "-S",
      "-action",
      "shutdown=pause,panic=pause",
      "-machine",
      "pc-q35-10.0,usb=off,vmport=off,smm=off,graphics=off,dump-guest-core=off",
      "-accel",
      "tcg,thread=multi,tb-size=64",
      "-cpu",
      "qemu64,+ssse3",
      "-smp",
      "2,sockets=1,cores=2,threads=1",
      "-m",
      "size=256M",
      "-overcommit",
      "mem-lock=off",
      "-rtc",
      "base=utc,driftfix=slew",
      "-boot",
      "menu=off,strict=on",
      "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-msg",
      "timestamp=on",
      "-D",
      "/run/vm/run-states.log",
      "-trace",
      "runstate_set",
      "-trace",
      "vm_state_notify",
      "-chardev",
      "socket,id=monitor,path=/run/vm/qmp.sock,server=on,wait=off",
      "-mon",
      "chardev=monitor,mode=control",
      "-chardev",
      "socket,id=oob,path=/run/vm/oob.sock,server=on,wait=off",
      "-mon",
      "chardev=oob,mode=control",
      "-chardev",
      "socket,id=console,path=/run/vm/console.sock,server=on,wait=off,logfile=/run/vm/console.log,logappend=on",
      "-device",
      R"({"driver":"isa-serial","id":"serial0","chardev":"console","index":0})",
      "-object",
      R"({"qom-type":"rng-builtin","id":"rng-source"})",
      "-device",
      R"({"driver":"virtio-rng-pci","id":"rng0","rng":"rng-source","bus":"pcie.0","addr":"0x1","disable-legacy":"on"})",
      "-device",
      R"({"driver":"pvpanic","id":"panic0"})",
      "-chardev",
      "socket,id=agent,path=/run/vm/agent.sock,server=on,wait=off",
      "-device",
      R"({"driver":"virtio-serial-pci","id":"channels","bus":"pcie.0","addr":"0x18","disable-legacy":"on"})",
      "-device",
      R"({"driver":"virtserialport","id":"agent0","bus":"channels.0","nr":1,"chardev":"agent","name":"org.qemu.guest_agent.0"})",
      "-netdev",
      R"({"type":"tap","id":"tap-default","vhost":false,"fd":"20"})",
      "-device",
      R"({"driver":"virtio-net-pci","id":"net-default","netdev":"tap-default","mac":"02:00:00:00:00:01",)"
      R"("bus":"pcie.0","addr":"0x2","disable-legacy":"on","csum":true,"guest_csum":true,"romfile":"","host_mtu":1450})",
      "-blockdev",
      R"({"driver":"raw","node-name":"disk0","discard":"unmap","read-only":false,)"
      R"("cache":{"direct":true,"no-flush":false},"file":{"driver":"file","node-name":"file0",)"
      R"("filename":"/shared/volumes/u1/disk.img","aio":"threads","locking":"on","discard":"unmap",)"
      R"("read-only":false,"cache":{"direct":true,"no-flush":false}}})",
      "-device",
      R"({"driver":"virtio-blk-pci","id":"disk-root","drive":"disk0","bus":"pcie.0","addr":"0x9",)"
      R"("disable-legacy":"on","write-cache":"on","serial":"a,b","bootindex":1})"};
  EXPECT_EQ(line_of(ordinary()), expected);
}

TEST(CommandLine, OfATargetDiffersInIncomingAlone) {
  MachineSpec spec = ordinary();
  std::vector<std::string> expected = line_of(spec);
  expected.insert(expected.end(), {"-incoming", "defer"});
  spec.incoming = true;
  EXPECT_EQ(line_of(spec), expected);
}

TEST(CommandLine, AddressesStayWhenANeighbourComes) {
  MachineSpec spec = ordinary();
  spec.nics.push_back(Nic{.id = "second", .mac = "02:00:00:00:00:02", .tap_fds = {21, 22}});
  spec.disks.push_back(Disk{.id = "data", .path = "/dev/vg/data", .read_only = true});
  const auto line = line_of(spec);
  EXPECT_TRUE(has(line, line_of(ordinary()).back()));  // the first disk, as it was
  EXPECT_NE(holding(line, R"("net-second")").find(R"("addr":"0x3")"), std::string::npos);
  EXPECT_NE(holding(line, R"("net-second")").find(R"("mq":true,"vectors":6)"), std::string::npos);
  EXPECT_NE(holding(line, R"("tap-second","vhost")").find(R"("fds":"21:22")"), std::string::npos);
  EXPECT_NE(holding(line, R"("disk-data")").find(R"("addr":"0xa")"), std::string::npos);
  EXPECT_NE(holding(line, "/dev/vg/data").find(R"("driver":"host_device")"), std::string::npos);
  EXPECT_NE(holding(line, "/dev/vg/data").find(R"("read-only":true)"), std::string::npos);
}

TEST(CommandLine, AScreenComesWithItsSocket) {
  MachineSpec spec = ordinary();
  spec.devices.video = "vga";
  const auto line = line_of(spec);
  EXPECT_TRUE(has(line, "unix:/run/vm/vnc.sock"));
  EXPECT_TRUE(has(line, R"({"driver":"VGA","id":"video0","bus":"pcie.0","addr":"0x1e"})"));
}

// Addresses are the ledger's: a guest that has one of these devices finds it there on the next host too.
TEST(CommandLine, EachDeviceHasItsAddress) {
  MachineSpec spec = ordinary();
  spec.devices = {.video = "virtio",
                  .balloon = true,
                  .tablets = {"usb", "virtio", "usb"},
                  .sound = "ich9",
                  .watchdog = "poweroff",
                  .tpm_state = "/shared/tpm"};
  const auto line = line_of(spec);
  for (const auto* device :
       {R"({"driver":"virtio-vga","id":"video0","bus":"pcie.0","addr":"0x1e"})",
        R"({"driver":"i6300esb","id":"watchdog0","bus":"pcie.0","addr":"0x1d"})",
        R"({"driver":"virtio-balloon-pci","id":"balloon0","bus":"pcie.0","addr":"0x1c","disable-legacy":"on"})",
        R"({"driver":"ich9-intel-hda","id":"sound0","bus":"pcie.0","addr":"0x1b"})",
        R"({"driver":"qemu-xhci","id":"usb","bus":"pcie.0","addr":"0x1a"})",
        R"({"driver":"virtio-tablet-pci","id":"tablet-virtio","bus":"pcie.0","addr":"0x19","disable-legacy":"on"})",
        R"({"driver":"usb-tablet","id":"tablet-usb2","bus":"usb.0","port":"2"})",
        R"({"driver":"tpm-crb","id":"tpm-crb0","tpmdev":"tpm0"})", "watchdog=poweroff",
        "socket,id=tpm,path=/run/vm/tpm.sock"}) {
    EXPECT_TRUE(has(line, device)) << device;
  }
  spec.devices.sound = "ac97";
  EXPECT_TRUE(has(line_of(spec), R"({"driver":"AC97","id":"sound0","bus":"pcie.0","addr":"0x1b","audiodev":"audio"})"));
}

TEST(CommandLine, SaysWhatPlatformClockAndFirmwareAre) {
  MachineSpec spec = ordinary();
  spec.platform = {.acpi = false, .smm = true, .hpet = false, .pit = false};
  spec.clock = {.base = "2026-12-01T04:00:00", .catch_up = false, .guest_time = true, .pit_policy = "delay"};
  spec.firmware = {.serial = "a,b",
                   .chassis = {.manufacturer = "M", .asset = "A"},
                   .uefi = {.code = "/fw/code.fd", .variables = "/vm/vars.fd", .secure_boot = true}};
  const auto line = line_of(spec);
  EXPECT_TRUE(has(line,
                  "pc-q35-10.0,usb=off,vmport=off,smm=on,graphics=off,dump-guest-core=off,acpi=off,hpet=off,pit=off,"
                  "pflash0=firmware,pflash1=variables"));
  EXPECT_TRUE(has(line, "base=2026-12-01T04:00:00,clock=vm"));
  EXPECT_EQ(holding(line, "kvm-pit"), "");  // there is none with software emulation
  EXPECT_TRUE(has(line, "type=1,serial=a,,b"));
  EXPECT_TRUE(has(line, "type=3,manufacturer=M,asset=A"));
  EXPECT_TRUE(has(line, R"({"driver":"raw","node-name":"variables","read-only":false,"file":{"driver":"file",)"
                        R"("filename":"/vm/vars.fd","locking":"on","read-only":false}})"));
  EXPECT_TRUE(has(line, "driver=cfi.pflash01,property=secure,value=on"));
  spec.platform.smm = false;
  EXPECT_NE(problem_of(spec).find("SMM"), std::string::npos);
}

TEST(CommandLine, ConsoleCanBeLeftOutOrUnlogged) {
  MachineSpec spec = ordinary();
  spec.devices.console_log = false;
  EXPECT_TRUE(has(line_of(spec), "socket,id=console,path=/run/vm/console.sock,server=on,wait=off"));
  spec.devices.serial_console = false;
  EXPECT_EQ(holding(line_of(spec), "console"), "");
}

TEST(CommandLine, CardsOfOtherModelsHaveNoWordOfVirtio) {
  MachineSpec spec = ordinary();
  spec.nics.front() = Nic{.id = "default",
                          .mac = "02:00:00:00:00:01",
                          .tap_fds = {20},
                          .mtu = 1450,
                          .model = "e1000e",
                          .boot_index = 2,
                          .acpi_index = 5};
  EXPECT_TRUE(has(line_of(spec),
                  R"({"driver":"e1000e","id":"net-default","netdev":"tap-default",)"
                  R"("mac":"02:00:00:00:00:01","bus":"pcie.0","addr":"0x2","bootindex":2,"acpi-index":5})"));
}

TEST(CommandLine, UsesAnOpenKvm) {
  MachineSpec spec = ordinary();
  spec.accelerator = Accelerator::kvm;
  EXPECT_TRUE(has(line_of(spec), "kvm"));
  spec.kvm_fd = 30;
  EXPECT_TRUE(has(line_of(spec), "fd=30,set=1,opaque=kvm"));
  EXPECT_TRUE(has(line_of(spec), "kvm,device=/dev/fdset/1"));
}

TEST(CommandLine, DoublesCommasInOptionLists) {
  MachineSpec spec = ordinary();
  spec.name = "a,b";
  auto line = command_line(spec, MachinePaths::in("/run/x,y"));
  ASSERT_TRUE(line);
  EXPECT_TRUE(has(*line, "guest=a,,b,debug-threads=on"));
  EXPECT_TRUE(has(*line, "socket,id=monitor,path=/run/x,,y/qmp.sock,server=on,wait=off"));
}

TEST(CommandLine, RefusesWhatWouldSmuggleOptions) {
  MachineSpec spec = ordinary();
  spec.machine_type = "pc-q35-10.0,accel=kvm";
  EXPECT_NE(problem_of(spec).find("machine type"), std::string::npos);
  spec = ordinary();
  spec.cpu_model = "qemu64 -monitor";
  EXPECT_NE(problem_of(spec).find("CPU model"), std::string::npos);
  spec = ordinary();
  spec.uuid = "6f1b4d3e-50cb-4f6c-9d07-0d7e5a7f1a1,";
  EXPECT_NE(problem_of(spec).find("uuid"), std::string::npos);
}

TEST(CommandLine, RefusesWrongSizes) {
  MachineSpec spec = ordinary();
  spec.memory_bytes += 1;
  EXPECT_NE(problem_of(spec).find("1 MiB"), std::string::npos);
  spec = ordinary();
  spec.cores = 0;
  EXPECT_NE(problem_of(spec).find("cores"), std::string::npos);
  spec = ordinary();
  spec.sockets = 300;
  EXPECT_NE(problem_of(spec).find("288"), std::string::npos);
}

TEST(CommandLine, RefusesWrongDisks) {
  const auto problem = [](Disk disk) {
    MachineSpec spec = ordinary();
    spec.disks.push_back(std::move(disk));
    return problem_of(spec);
  };
  EXPECT_NE(problem({.id = "root", .path = "/x"}).find("two disks"), std::string::npos);
  EXPECT_NE(problem({.id = "a,b", .path = "/x"}).find("only letters"), std::string::npos);
  EXPECT_NE(problem({.id = "a", .path = "x"}).find("not absolute"), std::string::npos);
  EXPECT_NE(problem({.id = "a", .path = "/x", .boot_index = 1}).find("boot index"), std::string::npos);
  EXPECT_NE(problem({.id = "a", .path = "/x", .serial = std::string(21, 's')}).find("longer"), std::string::npos);
  MachineSpec many = ordinary();
  for (int i = 0; i < 14; ++i) many.disks.push_back(Disk{.id = "d" + std::to_string(i), .path = "/x"});
  EXPECT_NE(problem_of(many).find("15 virtio disks"), std::string::npos);
}

TEST(CommandLine, RefusesWrongInterfaces) {
  const auto problem = [](Nic nic) {
    MachineSpec spec = ordinary();
    spec.nics.push_back(std::move(nic));
    return problem_of(spec);
  };
  EXPECT_NE(problem({.id = "b", .mac = "02:00:00:00:00:01", .tap_fds = {9}}).find("two interfaces"), std::string::npos);
  EXPECT_NE(problem({.id = "b", .mac = "03:00:00:00:00:02", .tap_fds = {9}}).find("unicast"), std::string::npos);
  EXPECT_NE(problem({.id = "b", .mac = "02:00:00:00:02", .tap_fds = {9}}).find("MAC"), std::string::npos);
  EXPECT_NE(problem({.id = "b", .mac = "02:00:00:00:00:02", .tap_fds = {}}).find("no open tap"), std::string::npos);
  EXPECT_NE(problem({.id = "b", .mac = "02:00:00:00:00:02", .tap_fds = {1}}).find("no open tap"), std::string::npos);
}

TEST(CommandLine, RefusesPathsThatNoSocketCanHave) {
  EXPECT_NE(problem_of(ordinary(), MachinePaths::in("/" + std::string(110, 'd'))).find("longer"), std::string::npos);
  EXPECT_NE(problem_of(ordinary(), MachinePaths::in("run")).find("not absolute"), std::string::npos);
}

}  // namespace
}  // namespace godwit::qemu
