// What every controller is given: the API, shared informers, a clock, events.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controllers/manager.hpp"
#include "kube/client.hpp"
#include "kube/controller.hpp"
#include "kube/events.hpp"
#include "kube/informer.hpp"

namespace godwit::controllers {

/// One informer whose changes several controllers hear of. Listeners are added before start().
class SharedInformer {
 public:
  SharedInformer(kube::Resource resource, kube::ListOptions options = {}, std::string ns = {});
  void on_change(kube::Informer::OnChange listener) { listeners_.push_back(std::move(listener)); }
  void start(const kube::Client& client);
  void stop() { informer_.reset(); }  ///< no listener is called after it; the cache is gone
  [[nodiscard]] const std::string& what() const { return resource_.plural; }
  [[nodiscard]] kube::Informer& cache() const { return *informer_; }

 private:
  kube::Resource resource_;
  kube::ListOptions options_;
  std::string ns_;
  std::vector<kube::Informer::OnChange> listeners_;
  std::unique_ptr<kube::Informer> informer_;
};

struct Informers {
  SharedInformer namespaces, nodes, pods, claims, volumes, storage_classes, leases, network, machines, instances,
      migrations, kubevirts;
  Informers();
  [[nodiscard]] std::vector<SharedInformer*> all();
};

struct Context {
  explicit Context(std::shared_ptr<http::Client> transport, Options with_options);
  kube::Client client;
  Options options;
  SystemClock clock;
  Informers informers;
  kube::EventRecorder events;
};

/// Object, read from the cache, or absent: for reconcilers that must not act on a stale absence, read for certain.
[[nodiscard]] Result<kube::ObjectPtr> read_for_certain(const Context& context, const kube::Resource& resource,
                                                       const kube::Key& key);
/// Takes a finalizer off; an object that is gone is fine.
[[nodiscard]] Result<> remove_finalizer(const Context& context, const kube::Resource& resource,
                                        const json::Value& object, std::string_view finalizer);
/// Deletes exactly this object; one that is gone is fine.
Result<> remove_object(const Context& context, const kube::Resource& resource, const json::Value& object,
                       std::optional<int> grace_period_seconds = {});
/// The name of the controlling owner of that kind, or "".
[[nodiscard]] std::string controller_of(const json::Value& object, std::string_view kind);

}  // namespace godwit::controllers
