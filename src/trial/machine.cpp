#include "trial/machine.hpp"

#include <fmt/format.h>

namespace godwit::trial {
namespace {

using namespace kube::resources;

constexpr const char* ns = "default";
const kube::Key claim_key{.ns = ns, .name = "trial-disk"};
const kube::Key machine_key{.ns = ns, .name = machine_name};

json::Value claim() {
  return json::Object{
      {"metadata",
       json::Object{{"name", claim_key.name}, {"annotations", json::Object{{"godwit.io/image", "godwit/tiny"}}}}},
      {"spec", json::Object{{"accessModes", json::Array{"ReadWriteMany"}},
                            {"resources", json::Object{{"requests", json::Object{{"storage", "128Mi"}}}}}}}};
}

json::Value machine(std::int64_t memory_mib) {
  const json::Object devices{
      {"disks", json::Array{json::Object{{"name", "root"}, {"disk", json::Object{{"bus", "virtio"}}}}}},
      {"interfaces", json::Array{json::Object{{"name", "default"}, {"masquerade", json::Object{}}}}}};
  const json::Object guest{
      {"domain",
       json::Object{{"memory", json::Object{{"guest", fmt::format("{}Mi", memory_mib)}}}, {"devices", devices}}},
      {"networks", json::Array{json::Object{{"name", "default"}, {"pod", json::Object{}}}}},
      {"volumes", json::Array{json::Object{{"name", "root"},
                                           {"persistentVolumeClaim", json::Object{{"claimName", claim_key.name}}}}}}};
  return json::Object{{"metadata", json::Object{{"name", machine_name}}},
                      {"spec", json::Object{{"runStrategy", "Always"}, {"template", json::Object{{"spec", guest}}}}}};
}

Result<> ensure(const kube::Client& client, const kube::Resource& resource, const json::Value& object) {
  auto made = client.create(resource, ns, object);
  if (!made && made.error().code != Code::already_exists) return fail(made.error());
  return {};
}

}  // namespace

Result<GuestPlace> ensure_guest(const kube::Client& client, std::int64_t memory_mib, Deadline deadline) {
  if (auto made = ensure(client, persistent_volume_claims, claim()); !made) return fail(made.error());
  if (auto made = ensure(client, virtual_machines, machine(memory_mib)); !made) return fail(made.error());
  std::string phase = "not created yet";
  while (!deadline.passed()) {
    const auto vmi = client.get(virtual_machine_instances, machine_key);
    if (vmi) {
      phase = json::string_at(*vmi, "/status/phase");
      GuestPlace place{json::string_at(*vmi, "/status/nodeName"),
                       json::string_at(*vmi, "/status/interfaces/0/ipAddress")};
      if (phase == "Running" && !place.address.empty()) return place;
    }
    (void)sleep_for(std::chrono::milliseconds{20}, {});
  }
  return fail(Code::timeout, fmt::format("the guest did not start (its phase is {}); see `kubectl describe vmi {}`",
                                         phase, machine_name));
}

Result<std::filesystem::path> disk_of_guest(const kube::Client& client) {
  const auto found = client.get(persistent_volume_claims, claim_key);
  if (!found) return fail(found.error());
  const auto volume = client.get(persistent_volumes, {.ns = {}, .name = json::string_at(*found, "/spec/volumeName")});
  if (!volume) return fail(volume.error());
  return std::filesystem::path{json::string_at(*volume, "/spec/hostPath/path")} / "disk.img";
}

Result<json::Value> migrate_guest(const kube::Client& client,
                                  const std::function<void(const json::Value&)>& on_progress, Deadline deadline) {
  const json::Value wanted = json::Object{{"metadata", json::Object{{"generateName", "trial-"}}},
                                          {"spec", json::Object{{"vmiName", machine_name}}}};
  auto migration = client.create(virtual_machine_instance_migrations, ns, wanted);
  if (!migration) return migration;
  const kube::Key key = kube::key_of(*migration);
  while (!deadline.passed()) {
    auto now = client.get(virtual_machine_instance_migrations, key);
    if (!now) return now;
    on_progress(*now);
    const std::string phase = json::string_at(*now, "/status/phase");
    const bool figures = json::find(*now, "/status/result") != nullptr;
    if (phase == "Failed" || (phase == "Succeeded" && figures)) return now;
    (void)sleep_for(std::chrono::milliseconds{20}, {});
  }
  return fail(Code::timeout, "migration " + key.text() + " did not end in time");
}

}  // namespace godwit::trial
