#include "local/verbs.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/file_lock.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "confine/cgroups.hpp"
#include "local/bootstrap.hpp"
#include "local/machines.hpp"
#include "local/processes.hpp"
#include "local/supervisor.hpp"

namespace godwit::local {
namespace {

using std::chrono::seconds;

Result<> must_be_root() {
  if (::geteuid() != 0) return fail(Code::forbidden, "must run as root: nodes are network namespaces; try sudo");
  return {};
}

Result<LocalNode> node_of(const Cluster& cluster, const std::string& name) {
  if (const LocalNode* node = cluster.find(name)) return *node;
  std::string known;
  for (const LocalNode& node : cluster.nodes) known += (known.empty() ? "" : ", ") + node.name;
  return fail(Code::not_found, fmt::format("there is no node \"{}\"; the nodes are {}", name, known));
}

/// What clusters of this machine share (addresses, forwarding) is taken and given back by one at a time.
Result<FileLock> lock_machine() {
  auto lock = FileLock::take("/run/lock/godwit-local", Deadline::after(seconds{60}));
  if (!lock) return fail(lock.error().within("waiting for another cluster's network"));
  return lock;
}

Result<Cluster> take_addresses(const Plan& plan) {
  const auto lock = lock_machine();
  if (!lock) return fail(lock.error());
  const auto taken = taken_addresses();
  if (!taken) return fail(taken.error());
  auto cluster = plan_cluster(plan, *taken);
  if (!cluster) return cluster;
  if (auto made = make_network(*cluster); !made) return fail(made.error());
  return cluster;
}

/// One verb at a time changes a cluster. The lock is on the directory itself: it leaves no file.
Result<FileLock> lock_cluster(const std::filesystem::path& directory) {
  auto lock = FileLock::take(directory, Deadline::after(seconds{200}));
  if (!lock && lock.error().code == Code::timeout)
    return fail(Code::conflict, "another `godwit local` is at work on " + directory.string() + "; try again later");
  return lock;
}

Result<> start(const Cluster& cluster) {
  if (auto started = start_supervisor(cluster); !started) return started;
  const auto client = wait_for_server(cluster, Deadline::after(seconds{60}));
  if (!client) return fail(client.error());
  if (auto ready = bootstrap(*client, cluster); !ready) return ready;
  const auto kubeconfig = read_file(cluster.server_data() / "admin.kubeconfig");
  if (!kubeconfig) return fail(kubeconfig.error());
  if (auto written = write_file(cluster.kubeconfig(), *kubeconfig, 0600); !written) return written;
  return wait_for_nodes(*client, cluster, Deadline::after(seconds{120}));
}

/// Ends the cluster's processes and takes its network away; a directory without one is fine.
Result<> clear(const std::filesystem::path& directory) {
  const auto cluster = load_cluster(directory);
  if (!cluster) return cluster.error().code == Code::not_found ? Result<>{} : fail(cluster.error());
  if (auto stopped = stop_processes(*cluster); !stopped) return stopped;
  for (const LocalNode& node : cluster->nodes) {
    const auto note = cluster->node_data(node) / "cgroups";
    if (auto removed = confine::remove_noted(note, Deadline::after(seconds{10})); !removed) return removed;
  }
  const auto lock = lock_machine();
  if (!lock) return fail(lock.error());
  if (auto removed = remove_network(*cluster); !removed) return removed;
  std::error_code ignored;
  for (const char* name : {"cluster.json", "kubeconfig", "supervisor.pid"})
    std::filesystem::remove(directory / name, ignored);
  std::filesystem::remove_all(directory / "pids", ignored);
  return {};
}

}  // namespace

Result<Cluster> up(const Plan& plan) {
  if (auto root = must_be_root(); !root) return fail(root.error());
  if (auto made = make_directory(plan.directory); !made) return fail(made.error());
  if (auto open = check_enterable_by_all(plan.directory); !open) return fail(open.error().within("--dir"));
  const auto lock = lock_cluster(plan.directory);
  if (!lock) return fail(lock.error());
  if (auto existing = load_cluster(plan.directory)) {
    if (supervisor_of(*existing) != 0) return existing;
    fmt::print(stderr, "Cleaning up what an earlier cluster in {} has left.\n", plan.directory.string());
    if (auto cleaned = clear(plan.directory); !cleaned) return fail(cleaned.error());
  } else if (existing.error().code != Code::not_found) {
    return fail(existing.error());
  }
  auto cluster = take_addresses(plan);
  const auto started = cluster ? start(*cluster) : Result<>{fail(cluster.error())};
  if (!started) {
    (void)clear(plan.directory);
    return fail(started.error());
  }
  return cluster;
}

Result<> down(const std::filesystem::path& directory, bool purge) {
  if (auto root = must_be_root(); !root) return root;
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) return {};
  const auto lock = lock_cluster(directory);
  if (!lock) return fail(lock.error());
  if (auto cleared = clear(directory); !cleared) return cleared;
  if (purge) {
    for (const char* name : {"server", "nodes", "shared", "logs", "accelerator.json"})
      std::filesystem::remove_all(directory / name, error);
    std::filesystem::remove(directory, error);  // only when nothing of anybody else's is in it
  }
  return {};
}

namespace {

std::string state_of(const LocalNode& node, const Result<kube::Client>& client) {
  if (node.killed) return "killed";
  if (!client) return "unknown";
  const auto object = client->get(kube::resources::nodes, {.ns = {}, .name = node.name});
  return object ? is_ready(*object) ? "Ready" : "NotReady" : "unknown";
}

}  // namespace

Result<> print_status(const std::filesystem::path& directory, cli::Format format) {
  if (auto root = must_be_root(); !root) return root;
  const auto cluster = load_cluster(directory);
  if (!cluster) return fail(cluster.error());
  const bool is_up = supervisor_of(*cluster) != 0;
  std::string text =
      fmt::format("Cluster in {}: {}\nAPI server: {}\nPod network: {} (gateway {})\n\n", directory.string(),
                  is_up ? "up" : "its supervisor is gone; run `godwit local up` again", cluster->server_url(),
                  cluster->pod_cidr, cluster->gateway);
  const auto client = wait_for_server(*cluster, Deadline::after(seconds{2}));
  text += fmt::format("{:<10} {:<16} {:<10} {:>9}\n", "NODE", "ADDRESS", "STATE", "PROCESSES");
  json::Array nodes;
  for (const LocalNode& node : cluster->nodes) {
    const std::string state = state_of(node, client);
    const std::size_t processes = processes_in(cluster->node_data(node), node).size();
    text += fmt::format("{:<10} {:<16} {:<10} {:>9}\n", node.name, node.address, state, processes);
    nodes.push_back(
        json::Object{{"name", node.name}, {"address", node.address}, {"state", state}, {"processes", processes}});
  }
  text += fmt::format("\nexport KUBECONFIG={}\n", cluster->kubeconfig().string());
  cli::print_answer(
      format, text,
      json::Object{{"directory", directory.string()},
                   {"state", is_up ? "up" : "down"},
                   {"kubeconfig", cluster->kubeconfig().string()},
                   {"server", json::Object{{"url", cluster->server_url()}}},
                   {"podNetwork", json::Object{{"cidr", cluster->pod_cidr}, {"gateway", cluster->gateway}}},
                   {"nodes", std::move(nodes)}});
  return {};
}

Result<int> exec(const std::filesystem::path& directory, const std::string& name,
                 const std::vector<std::string>& command) {
  if (auto root = must_be_root(); !root) return fail(root.error());
  const auto cluster = load_cluster(directory);
  if (!cluster) return fail(cluster.error());
  const auto node = node_of(*cluster, name);
  if (!node) return fail(node.error());
  const UniqueFd ns{::open(("/run/netns/" + node->ns).c_str(), O_RDONLY | O_CLOEXEC)};
  if (!ns) return fail_errno(node->ns);
  auto process =
      Process::spawn({.argv = command, .inherited = {{0, 0}, {1, 1}, {2, 2}}, .network_namespace = ns.get()});
  if (!process) return fail(process.error());
  const auto exit = process->wait(Deadline::never());
  if (!exit) return fail(exit.error());
  return exit->status;
}

Result<> cut(const std::filesystem::path& directory, const std::string& name) {
  if (auto root = must_be_root(); !root) return root;
  const auto cluster = load_cluster(directory);
  if (!cluster) return fail(cluster.error());
  const auto node = node_of(*cluster, name);
  return node ? set_link(*node, false) : Result<>{fail(node.error())};
}

Result<> mark(Cluster& cluster, const std::string& name, bool killed) {
  for (LocalNode& node : cluster.nodes) {
    if (node.name == name) node.killed = killed;
  }
  return save(cluster);
}

Result<> heal(const std::filesystem::path& directory, const std::string& name) {
  if (auto root = must_be_root(); !root) return root;
  auto cluster = load_cluster(directory);
  if (!cluster) return fail(cluster.error());
  const auto node = node_of(*cluster, name);
  if (!node) return fail(node.error());
  if (auto linked = set_link(*node, true); !linked) return linked;
  return mark(*cluster, name, false);
}

Result<> kill(const std::filesystem::path& directory, const std::string& name) {
  if (auto root = must_be_root(); !root) return root;
  auto cluster = load_cluster(directory);
  if (!cluster) return fail(cluster.error());
  const auto node = node_of(*cluster, name);
  if (!node) return fail(node.error());
  if (auto marked = mark(*cluster, name, true); !marked) return marked;
  if (!end_all([&] { return processes_in(cluster->node_data(*node), *node); }, Deadline::after(seconds{30})))
    return fail(Code::timeout, "processes of " + name + " do not end");
  return {};
}

}  // namespace godwit::local
