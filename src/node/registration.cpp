#include "node/registration.hpp"

namespace godwit::node {
namespace {

using kube::resources::nodes;

Result<json::Value> register_once(const kube::Client& client, const HostFacts& host) {
  const kube::Key key{.ns = {}, .name = host.name};
  auto created = client.create(nodes, {}, node_object(host));
  if (!created && created.error().code != Code::already_exists) return created;
  if (!created) {
    const auto existing = client.get(nodes, key);
    if (!existing) return fail(existing.error());
    auto labelled = client.patch(nodes, key, kube::PatchType::merge, node_labels_patch(host, *existing));
    if (!labelled) return labelled;
  }
  return client.patch(nodes, key, kube::PatchType::strategic, node_status_patch(host, std::chrono::system_clock::now()),
                      "status");
}

}  // namespace

Result<std::unique_ptr<Registration>> Registration::start(const kube::Client& client, HostFacts host,
                                                          const std::stop_token& stop) {
  const Log log{"node"};
  Duration pause = std::chrono::milliseconds{50};
  for (;;) {
    auto registered = register_once(client, host);
    if (registered) {
      return std::unique_ptr<Registration>{new Registration{client, std::move(host), std::move(*registered)}};
    }
    const Code code = registered.error().code;
    if (code == Code::forbidden || code == Code::unauthorized || code == Code::invalid || code == Code::bad_request) {
      return fail(registered.error().within("cannot register node " + host.name));
    }
    log.warning("cannot register yet: {}", registered.error().message);
    if (!sleep_for(pause, stop)) return fail(Code::cancelled, "told to stop before the node was registered");
    pause = std::min<Duration>(pause * 2, std::chrono::seconds{2});
  }
}

Registration::Registration(const kube::Client& client, HostFacts host, json::Value node)
    : client_{client}, host_{std::move(host)}, node_{std::move(node)} {
  informer_ = std::make_unique<kube::Informer>(
      client_, nodes, kube::ListOptions{.label_selector = {}, .field_selector = "metadata.name=" + host_.name},
      [this](const kube::ObjectPtr& before, const kube::ObjectPtr& after) {
        if ((after && !says_ready(*after)) || (before && !after)) changed_.add({.ns = {}, .name = host_.name});
      });
  repairer_ = std::jthread{[this](const std::stop_token& stop) { keep_ready(stop); }};
}

void Registration::keep_ready(const std::stop_token& stop) {
  while (const auto key = changed_.get(stop)) {
    if (auto repaired = register_once(client_, host_); !repaired) {
      log_.warning("cannot renew the Node's status: {}", repaired.error().message);
      changed_.add_rate_limited(*key);
    } else {
      changed_.forget(*key);
    }
    changed_.done(*key);
  }
}

}  // namespace godwit::node
