#include "kube/lease.hpp"

#include <atomic>
#include <thread>

#include "base/log.hpp"
#include "kube/request.hpp"

namespace godwit::kube {

struct LeaseRenewal::State {
  State(const Client& c, LeaseOptions o) : client{c}, options{std::move(o)}, log{"lease " + options.name} {}

  Client client;
  LeaseOptions options;
  Log log;
  std::atomic<Instant> renewed{Instant::min()};
  std::jthread thread;

  WriteResult<json::Value> renew() {
    const auto now = format_micro_time(std::chrono::system_clock::now());
    json::Object spec{
        {"holderIdentity", options.name}, {"leaseDurationSeconds", options.duration.count()}, {"renewTime", now}};
    const auto path = path_of(resources::leases, options.ns, options.name);
    const auto deadline = Deadline::after(options.interval);
    auto patched = send_json(
        client.transport(),
        write_request("PATCH", path, json::Value(json::Object{{"spec", spec}}), content_type_of(PatchType::merge)),
        deadline);
    if (patched || patched.error().error.code != Code::not_found) return patched;
    spec["acquireTime"] = now;
    json::Value lease = json::Object{{"apiVersion", "coordination.k8s.io/v1"}, {"kind", "Lease"}, {"spec", spec}};
    json::set(lease, "/metadata/name", json::Value(options.name));
    json::set(lease, "/metadata/namespace", json::Value(options.ns));
    if (!options.owner_uid.empty()) {
      json::set(lease, "/metadata/ownerReferences",
                json::Array({json::Object{
                    {"apiVersion", "v1"}, {"kind", "Node"}, {"name", options.name}, {"uid", options.owner_uid}}}));
    }
    return send_json(client.transport(), write_request("POST", path_of(resources::leases, options.ns), lease),
                     deadline);
  }

  void run(const std::stop_token& stop) {
    bool reported = false;
    while (!stop.stop_requested()) {
      const auto begun = std::chrono::steady_clock::now();
      if (const auto outcome = renew(); outcome) {
        renewed = std::chrono::steady_clock::now();
        if (reported) log.info("renewed again");
        reported = false;
      } else if (!reported) {
        log.warning("cannot be renewed: {}", outcome.error().error.message);
        reported = true;
      }
      sleep_for(options.interval - (std::chrono::steady_clock::now() - begun), stop);
    }
  }
};

LeaseRenewal::LeaseRenewal(const Client& client, LeaseOptions options)
    : state_{std::make_shared<State>(client, std::move(options))} {
  state_->thread = std::jthread{[state = state_.get()](const std::stop_token& stop) { state->run(stop); }};
}

LeaseRenewal::~LeaseRenewal() {
  state_->thread.request_stop();
  if (state_->thread.joinable()) state_->thread.join();
}

Instant LeaseRenewal::last_renewed() const { return state_->renewed; }

}  // namespace godwit::kube
