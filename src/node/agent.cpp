#include "node/agent.hpp"

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/data_format.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "hostnet/overlay.hpp"
#include "kube/events.hpp"
#include "kube/kubeconfig.hpp"
#include "kube/lease.hpp"
#include "node/guests.hpp"
#include "node/log_stream.hpp"
#include "node/registration.hpp"
#include "node/stream_server.hpp"
#include "node/volume_provisioner.hpp"
#include "qemu/capabilities.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

/// The node's certificate as files: tunnels are processes of their own.
Result<migrate::Credentials> write_credentials(const std::filesystem::path& data, const kube::Kubeconfig& config) {
  const auto directory = data / "pki";
  if (auto made = make_directory(directory, 0700); !made) return fail(made.error());
  migrate::Credentials files{directory / "node.crt", directory / "node.key", directory / "ca.crt"};
  if (auto w = write_file(files.certificate, config.client_certificate_pem, 0600); !w) return fail(w.error());
  if (auto w = write_file(files.key, config.client_key_pem, 0600); !w) return fail(w.error());
  if (auto w = write_file(files.ca, config.ca_pem, 0600); !w) return fail(w.error());
  return files;
}

std::string os_image() {
  const auto text = read_file("/etc/os-release");
  for (const std::string& line : split(text.value_or(""), '\n')) {
    if (line.starts_with("PRETTY_NAME=")) {
      std::string name = line.substr(12);
      std::erase(name, '"');
      return name;
    }
  }
  return "Linux";
}

/// What the host calls itself there; "" where it does not.
std::string identity(const std::filesystem::path& file) { return std::string{trim(read_file(file).value_or(""))}; }

HostFacts gather_facts(const AgentConfig& config, const qemu::HostProbe& probe, std::uint16_t stream_port) {
  struct sysinfo memory{};
  ::sysinfo(&memory);
  utsname kernel{};
  ::uname(&kernel);
  HostFacts facts{.name = config.name,
                  .address = config.address,
                  .cpus = config.cpus > 0 ? config.cpus : ::sysconf(_SC_NPROCESSORS_ONLN),
                  .memory_bytes = config.memory_bytes > 0
                                      ? config.memory_bytes
                                      : static_cast<std::int64_t>(memory.totalram) * memory.mem_unit,
                  .accelerator = qemu::name_of(probe.accelerator),
                  .machine_types = probe.machine_types,
                  .cpu_models = probe.cpu_models,
                  .cpu_features = probe.cpu_features,
                  .host_model = probe.host_model,
                  .cpu_vendor = probe.cpu_vendor,
                  .qemu_version = probe.version,
                  .kernel_version = kernel.release,
                  .os_image = os_image(),
                  .machine_id = identity("/etc/machine-id"),
                  .system_uuid = identity("/sys/class/dmi/id/product_uuid"),
                  .boot_id = identity("/proc/sys/kernel/random/boot_id"),
                  .stream_port = stream_port};
  return facts;
}

/// The pod network's description; waits for it.
Result<PodNetwork> read_network(const kube::Client& client, const std::stop_token& stop) {
  const Log log{"node"};
  const kube::Key key{.ns = "kube-system", .name = "godwit-network"};
  for (bool told = false;; told = true) {
    const auto config_map = client.get(config_maps, key);
    if (config_map) return pod_network_of(*config_map);
    if (config_map.error().code == Code::unauthorized || config_map.error().code == Code::forbidden) {
      return fail(config_map.error());
    }
    if (!told) log.info("waiting for ConfigMap {}: {}", key.text(), config_map.error().message);
    if (!sleep_for(std::chrono::milliseconds{100}, stop)) return fail(Code::cancelled, "told to stop");
  }
}

std::string internal_ip(const json::Value& node) {
  for (const json::Value& address : json::array_at(node, "/status/addresses")) {
    if (json::string_at(address, "/type") == "InternalIP") return json::string_at(address, "/address");
  }
  return {};
}

/// Keeps the overlay's list of peers as the Nodes say.
class OverlayPeers {
 public:
  OverlayPeers(const kube::Client& client, hostnet::Overlay& overlay, std::string self, std::string gateway)
      : overlay_{overlay}, self_{std::move(self)}, gateway_{std::move(gateway)} {
    informer_ = std::make_unique<kube::Informer>(
        client, nodes, kube::ListOptions{},
        [this](const kube::ObjectPtr&, const kube::ObjectPtr&) { changed_.add({.ns = {}, .name = "peers"}); });
    thread_ = std::jthread{[this](const std::stop_token& stop) {
      while (const auto key = changed_.get(stop)) {
        update();
        changed_.done(*key);
      }
    }};
    changed_.add({.ns = {}, .name = "peers"});
  }

 private:
  void update() {
    std::set<std::string> peers;
    for (const kube::ObjectPtr& node : informer_->list()) peers.insert(internal_ip(*node));
    if (!gateway_.empty()) peers.insert(gateway_);
    peers.erase("");
    peers.erase(self_);
    if (auto set = overlay_.set_peers({peers.begin(), peers.end()}); !set) {
      log_.error("{}", set.error().message);
    }
  }

  hostnet::Overlay& overlay_;
  std::string self_;
  std::string gateway_;
  Log log_{"overlay"};
  kube::WorkQueue changed_;
  std::unique_ptr<kube::Informer> informer_;
  std::jthread thread_;
};

}  // namespace

/// Raised when a record (instance_record.hpp) means something else than before to those who read it.
constexpr std::int64_t records_format = 1;

Result<> run_agent(const AgentConfig& config, const std::stop_token& stop) {
  const Log log{"node"};
  if (::geteuid() != 0)
    return fail(Code::forbidden, "must run as root: it makes taps, bridges and QEMU processes of another user");
  if (auto made = make_directory(config.data, 0755); !made) return made;
  if (auto reachable = check_enterable_by_all(config.data); !reachable) return reachable;
  if (auto known = claim_format(config.data, records_format); !known) return known;
  const auto kubeconfig = kube::read_kubeconfig(config.kubeconfig);
  if (!kubeconfig) return fail(kubeconfig.error());
  auto transport = kube::connect(*kubeconfig);
  if (!transport) return fail(transport.error());
  const kube::Client client{*transport};
  const auto credentials = write_credentials(config.data, *kubeconfig);
  if (!credentials) return fail(credentials.error());
  const auto cache = config.accelerator_cache.empty() ? config.data / "accelerator.json" : config.accelerator_cache;
  const auto probe = qemu::probe_host(config.accelerator, cache);
  if (!probe) return fail(probe.error());
  log.info("QEMU {}, accelerator {}: {}", probe->version, qemu::name_of(probe->accelerator), probe->reason);

  const auto network = read_network(client, stop);
  if (!network) return fail(network.error());
  auto overlay = hostnet::Overlay::set_up({.address = config.address,
                                           .pod_cidr = network->cidr,
                                           .gateway = network->gateway,
                                           .vni = network->vni,
                                           .mtu = network->mtu});
  if (!overlay) return fail(overlay.error());

  kube::EventRecorder events{client, "godwit-node", config.name};
  Guests guests{client,
                events,
                {.config = config,
                 .network = *network,
                 .host = {.accelerator = probe->accelerator,
                          .host_model = probe->host_model,
                          .cpu_features = {probe->cpu_features.begin(), probe->cpu_features.end()}},
                 .credentials = *credentials,
                 .program = "/proc/self/exe"}};
  auto streams = StreamServer::start(
      {.address = config.address,
       .port = config.stream_port,
       .tls = {kubeconfig->client_certificate_pem, kubeconfig->client_key_pem, kubeconfig->ca_pem}},
      [&guests](const kube::Key& vmi) { return guests.sockets_of(vmi); },
      [&guests](http::Exchange& exchange, const std::string& pod_uid) {
        serve_pod_log(exchange, guests.logs(), pod_uid, [&] { return guests.runs_pod(pod_uid); });
      },
      [&guests](const kube::Key& vmi, const std::string& what) { return guests.ask_agent(vmi, what); });
  if (!streams) return fail(streams.error());

  auto registration = Registration::start(client, gather_facts(config, *probe, (*streams)->port()), stop);
  if (!registration) return fail(registration.error());
  const kube::LeaseRenewal lease{
      client, {.name = config.name, .owner_uid = json::string_at((*registration)->node(), "/metadata/uid")}};
  const OverlayPeers peers{client, **overlay, config.address, network->gateway_underlay};
  const VolumeProvisioner provisioner{client, events, config.name};
  guests.start();
  log.info("{} is ready", config.name);
  while (sleep_for(std::chrono::hours{1}, stop)) {
  }
  return {};
}

}  // namespace godwit::node
