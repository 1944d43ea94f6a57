#include "controllers/context.hpp"

#include "rules/objects.hpp"

namespace godwit::controllers {

using namespace kube::resources;

SharedInformer::SharedInformer(kube::Resource resource, kube::ListOptions options, std::string ns)
    : resource_{std::move(resource)}, options_{std::move(options)}, ns_{std::move(ns)} {}

void SharedInformer::start(const kube::Client& client) {
  informer_ = std::make_unique<kube::Informer>(
      client, resource_, options_,
      [this](const kube::ObjectPtr& before, const kube::ObjectPtr& after) {
        for (const auto& listener : listeners_) listener(before, after);
      },
      ns_);
}

Informers::Informers()
    : namespaces{kube::resources::namespaces},
      nodes{kube::resources::nodes},
      pods{kube::resources::pods},
      claims{persistent_volume_claims},
      volumes{persistent_volumes},
      storage_classes{kube::resources::storage_classes},
      leases{kube::resources::leases, {}, "kube-node-lease"},
      network{config_maps, {.label_selector = {}, .field_selector = "metadata.name=godwit-network"}, "kube-system"},
      machines{virtual_machines},
      instances{virtual_machine_instances},
      migrations{virtual_machine_instance_migrations},
      kubevirts{kube::resources::kubevirts} {}

/// In the order of starting: listeners look into caches that come before theirs.
std::vector<SharedInformer*> Informers::all() {
  return {&migrations, &machines, &instances, &kubevirts, &namespaces,      &volumes,
          &claims,     &network,  &leases,    &nodes,     &storage_classes, &pods};
}

Context::Context(std::shared_ptr<http::Client> transport, Options with_options)
    : client{std::move(transport)}, options{with_options}, events{client, "godwit-controller"} {}

Result<kube::ObjectPtr> read_for_certain(const Context& context, const kube::Resource& resource, const kube::Key& key) {
  auto found = context.client.get(resource, key);
  if (found) return std::make_shared<const json::Value>(*std::move(found));
  if (found.error().code == Code::not_found) return nullptr;
  return fail(found.error());
}

Result<> remove_finalizer(const Context& context, const kube::Resource& resource, const json::Value& object,
                          std::string_view finalizer) {
  json::Array rest;
  for (const auto& name : json::array_at(object, "/metadata/finalizers")) {
    if (!name.is_string() || name.as_string() != finalizer) rest.push_back(name);
  }
  json::Array patch;
  patch.push_back(rules::patch_operation("test", "/metadata/uid", json::Value(rules::uid_of(object))));
  patch.push_back(
      rules::patch_operation("test", "/metadata/finalizers", json::array_at(object, "/metadata/finalizers")));
  patch.push_back(rules::patch_operation("replace", "/metadata/finalizers", std::move(rest)));
  const auto done = context.client.patch(resource, kube::key_of(object), kube::PatchType::json, std::move(patch));
  if (!done && done.error().code == Code::invalid) return fail(Code::conflict, done.error().message);
  if (!done && done.error().code != Code::not_found) return fail(done.error());
  return {};
}

Result<> remove_object(const Context& context, const kube::Resource& resource, const json::Value& object,
                       std::optional<int> grace_period_seconds) {
  const auto removed =
      context.client.remove(resource, kube::key_of(object), rules::uid_of(object), {}, grace_period_seconds);
  if (!removed && removed.error().code != Code::not_found) return removed;
  return {};
}

std::string controller_of(const json::Value& object, std::string_view kind) {
  for (const auto& owner : json::array_at(object, "/metadata/ownerReferences")) {
    if (json::bool_at(owner, "/controller") && json::string_at(owner, "/kind") == kind)
      return json::string_at(owner, "/name");
  }
  return {};
}

}  // namespace godwit::controllers
