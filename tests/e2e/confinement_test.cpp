// What holds a guest's QEMU, seen from outside: its cgroup, from start to end, also when an agent died in between.
#include <csignal>

#include <fmt/format.h>

#include "base/text.hpp"
#include "e2e/cluster_fixture.hpp"
#include "local/processes.hpp"

namespace godwit {
namespace {

namespace fs = std::filesystem;

/// The guests' directories in the node's cgroups; empty where this machine has none.
std::vector<fs::path> cgroups_on(const local::Cluster& cluster, const local::LocalNode& node) {
  std::vector<fs::path> found;
  for (const std::string& base : split(read_file(cluster.node_data(node) / "cgroups").value_or(""), '\n')) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{base, error}) {
      if (entry.is_directory()) found.push_back(entry.path());
    }
  }
  return found;
}

class ConfinedGuestTest : public GuestTest {};

TEST_F(ConfinedGuestTest, HasACgroupUntilItsEndAndFilesOfItsOwn) {
  boot("confined");
  const local::LocalNode home = *cluster().find(node());
  const int qemu = qemu_on(home.name);
  ASSERT_NE(qemu, 0);
  const auto cgroups = cgroups_on(cluster(), home);
  if (split(read_file(cluster().node_data(home) / "cgroups").value_or(""), '\n').size() > 1) {
    ASSERT_FALSE(cgroups.empty());
  }
  for (const fs::path& cgroup : cgroups) {
    EXPECT_EQ(trim(read_file(cgroup / "cgroup.procs").value_or("")), std::to_string(qemu)) << cgroup;
  }
  // Its root holds this guest's files and no other's, nor the agent's keys.
  const fs::path root = fmt::format("/proc/{}/root", qemu);
  const fs::path data = cluster().node_data(home);
  EXPECT_FALSE(fs::exists(root / (data / "kubeconfig").relative_path()));
  EXPECT_FALSE(fs::exists(root / (data / "pki").relative_path()));
  EXPECT_FALSE(fs::exists(root / "proc/self"));
  std::size_t volumes = 0;
  for (const auto& entry : fs::directory_iterator{root / (cluster().shared() / "volumes").relative_path()}) {
    EXPECT_TRUE(fs::exists(entry.path() / "disk.img"));
    ++volumes;
  }
  EXPECT_EQ(volumes, 1U);

  // An agent that was killed finds the guest in its place, and takes the place away at the guest's end.
  for (const int pid : local::processes_with({"node", "--name", home.name, "--kubeconfig", data / "kubeconfig"}))
    ::kill(pid, SIGKILL);
  ASSERT_TRUE(client().remove(kube::resources::virtual_machines, {.ns = "default", .name = name_}));
  EXPECT_TRUE(eventually([&] { return qemu_on(home.name) == 0; }));
  EXPECT_TRUE(eventually([&] {
    std::error_code error;
    return std::none_of(cgroups.begin(), cgroups.end(), [&](const fs::path& c) { return fs::exists(c, error); });
  }));
}

}  // namespace
}  // namespace godwit
