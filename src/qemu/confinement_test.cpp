// A program in the very confinement of one QEMU tries to reach another one, its files, our keys and the network.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "qemu/machine.hpp"
#include "qemu/reachable_paths.hpp"

namespace godwit::qemu {
namespace {

constexpr std::pair<uid_t, gid_t> qemu_user{107, 107};

/// Every attempt prints a line: its name, and 1 if it came through. Perl is a part of every Debian.
constexpr const char* intruder = R"(
use Socket; use Fcntl;
my ($own, $disk, $qmp, $keys, $port, $pid) = @ARGV;
sub told { print "$_[0] ", ($_[1] ? 1 : 0), "\n"; }
sub unix_connect { my $s; socket($s, PF_UNIX, SOCK_STREAM, 0) && connect($s, sockaddr_un($_[0])); }
told("own_disk", sysopen(my $o, $own, O_RDWR));
told("disk", sysopen(my $d, $disk, O_RDONLY));
told("disk_by_proc", sysopen(my $r, "/proc/$pid/root$disk", O_RDONLY));
told("monitor", unix_connect($qmp));
told("keys", sysopen(my $k, $keys, O_RDONLY));
my $t; told("network", socket($t, PF_INET, SOCK_STREAM, 0) && connect($t, sockaddr_in($port, inet_aton("127.0.0.1"))));
my $a; told("abstract_socket", socket($a, PF_UNIX, SOCK_STREAM, 0) && connect($a, pack("Sa*", AF_UNIX, "\0godwit-test-$port")));
told("signal", kill(0, $pid));
told("signal_to_all", kill(0, -1) > 0);
told("trace", syscall(101, 16, $pid, 0, 0) == 0);
told("processes", -e "/proc/$pid" || -e "/proc/1");
my ($node, $none, $usr, $type) = ("/dev/node", "none", "/usr", "tmpfs");  # syscall() takes no constants
told("device", syscall(133, $node, 0020666, 0x0101) == 0);
told("mount", syscall(165, $none, $usr, $type, 0, 0) == 0);
told("namespace", syscall(272, 0x10000000) == 0);
told("write_program", sysopen(my $w, "/usr/bin/godwit-intruder", O_RDWR | O_CREAT));
told("tools_of_root", open(my $e, "<", "/etc/shadow") || -e "/root" || -e "/home");
)";

class ConfinementTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can confine";
    auto made = TemporaryDirectory::create("godwit-confine");
    ASSERT_TRUE(made) << made.error().message;
    temporary_.emplace(std::move(*made));
    std::filesystem::permissions(root(), std::filesystem::perms{0755});
    std::ofstream{root() / "keys"} << "a key that everybody could read\n";
  }
  void TearDown() override {
    if (temporary_) (void)Machine::kill_stale(root() / "victim", soon());
  }
  static Deadline soon() { return Deadline::after(std::chrono::seconds{30}); }
  [[nodiscard]] const std::filesystem::path& root() const { return temporary_->path(); }

  [[nodiscard]] MachineSpec machine(const std::string& name) const {
    MachineSpec spec;
    spec.name = name;
    spec.uuid = "6f1b4d3e-50cb-4f6c-9d07-0d7e5a7f1a11";
    spec.memory_bytes = 16LL << 20;
    spec.tcg_tb_size_mb = 16;
    const auto path = root() / (name + ".img");
    std::ofstream{path}.close();
    std::filesystem::resize_file(path, 1 << 20);
    (void)::chown(path.c_str(), qemu_user.first, qemu_user.second);
    std::filesystem::permissions(path, std::filesystem::perms{0600});
    spec.disks.push_back({.id = "root", .path = path, .cache = DiskCache::writeback});
    return spec;
  }

  /// What came through; empty when the program did not run to its end.
  [[nodiscard]] std::map<std::string, bool> intrude(std::optional<Confinement> confinement, int port, pid_t pid) const {
    const ProcessSpec spec{.argv = {"perl", "-e", intruder, root() / "intruder.img", root() / "victim.img",
                                    MachinePaths::in(root() / "victim").monitor, root() / "keys", std::to_string(port),
                                    std::to_string(pid)},
                           .user = qemu_user,
                           .confinement = std::move(confinement)};
    const auto output = run_program(spec, soon());
    EXPECT_TRUE(output) << output.error().message;
    std::map<std::string, bool> seen;
    if (!output) return seen;
    EXPECT_TRUE(output->exit.ok()) << output->exit.status << output->err;
    for (const std::string& line : split(trim(output->out), '\n')) {
      const auto words = split(line, ' ');
      if (words.size() == 2) seen[words[0]] = words[1] == "1";
    }
    return seen;
  }

  std::optional<TemporaryDirectory> temporary_;
};

/// Listens on a loopback port and on an abstract socket named after it.
struct Listeners {
  UniqueFd tcp{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  UniqueFd local{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int port = 0;

  bool listen() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(tcp.get(), plain, size) != 0 || ::listen(tcp.get(), 8) != 0) return false;
    if (::getsockname(tcp.get(), plain, &size) != 0) return false;
    port = ::ntohs(address.sin_port);
    std::string name(1, '\0');
    name += fmt::format("godwit-test-{}", port);
    const sa_family_t family = AF_UNIX;
    std::string raw(sizeof family, '\0');
    std::memcpy(raw.data(), &family, sizeof family);
    raw += name;
    return ::bind(local.get(), reinterpret_cast<const sockaddr*>(raw.data()), static_cast<socklen_t>(raw.size())) ==
               0 &&
           ::listen(local.get(), 8) == 0;
  }
};

TEST_F(ConfinementTest, NothingOfAnotherMachineCanBeReached) {
  if (!run_checked({.argv = {"qemu-system-x86_64", "--version"}}, soon())) GTEST_SKIP() << "no QEMU here";
  auto victim = Machine::start(machine("victim"), {.directory = root() / "victim"}, {});
  ASSERT_TRUE(victim) << victim.error().message;
  Listeners listeners;
  ASSERT_TRUE(listeners.listen());
  const MachineSpec own = machine("intruder");
  ASSERT_TRUE(make_directory(root() / "intruder"));

  // Without the confinement the same user comes through: the test can tell.
  const auto free = intrude({}, listeners.port, (*victim)->pid());
  for (const char* what : {"own_disk", "disk", "monitor", "keys", "network", "abstract_socket", "signal", "processes"})
    EXPECT_TRUE(free.contains(what) && free.at(what)) << what;

  const Confinement confinement{reachable_paths(own, root() / "intruder", "qemu-system-x86_64")};
  const auto confined = intrude(confinement, listeners.port, (*victim)->pid());
  EXPECT_EQ(confined.size(), free.size());
  for (const auto& [what, came_through] : confined) EXPECT_EQ(came_through, what == "own_disk") << what;
  EXPECT_TRUE((*victim)->alive());
}

TEST_F(ConfinementTest, AMachineLivesInIt) {
  if (!run_checked({.argv = {"qemu-system-x86_64", "--version"}}, soon())) GTEST_SKIP() << "no QEMU here";
  auto victim = Machine::start(machine("victim"), {.directory = root() / "victim"}, {});
  ASSERT_TRUE(victim) << victim.error().message;
  const std::string process = fmt::format("/proc/{}/", (*victim)->pid());
  for (const char* kind : {"mnt", "net", "pid", "ipc", "uts", "cgroup"}) {
    EXPECT_NE(std::filesystem::read_symlink(process + "ns/" + kind),
              std::filesystem::read_symlink(std::string{"/proc/self/ns/"} + kind))
        << kind;
  }
  const auto status = read_file(process + "status");
  ASSERT_TRUE(status);
  for (const char* line : {"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
    EXPECT_NE(status->find(line), std::string::npos) << line;
  const auto mounts = read_file(process + "mountinfo");
  ASSERT_TRUE(mounts);
  EXPECT_EQ(mounts->find("/home"), std::string::npos);
  EXPECT_TRUE((*victim)->cont(soon()));
  EXPECT_TRUE((*victim)->quit(soon()));
}

TEST_F(ConfinementTest, SaysWhichPathIsMissing) {
  const auto ran = run_program(
      {.argv = {"true"}, .user = qemu_user, .confinement = Confinement{{{.path = root() / "no-such-file"}}}}, soon());
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().message.find("confinement: " + (root() / "no-such-file").string()), 0U) << ran.error().message;
}

TEST_F(ConfinementTest, AWritableFileInAReadOnlyDirectoryStaysWritable) {
  std::filesystem::create_directory(root() / "d");
  std::ofstream{root() / "d" / "f"}.close();
  std::filesystem::permissions(root() / "d" / "f", std::filesystem::perms{0666});
  std::filesystem::permissions(root() / "d", std::filesystem::perms{0777});
  Confinement confinement{system_paths()};
  confinement.paths.push_back({.path = root() / "d"});
  confinement.paths.push_back({.path = root() / "d" / "f", .writable = true});
  const std::string d = (root() / "d").string();
  const auto ran = run_program({.argv = {"sh", "-c", "echo x > " + d + "/f && ! echo y > " + d + "/g"},
                                .user = qemu_user,
                                .confinement = confinement},
                               soon());
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_TRUE(ran->exit.ok()) << ran->err;
  EXPECT_EQ(*read_file(root() / "d" / "f"), "x\n");
  EXPECT_FALSE(std::filesystem::exists(root() / "d" / "g"));
}

}  // namespace
}  // namespace godwit::qemu
