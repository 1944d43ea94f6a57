#include "controllers/manager.hpp"

#include <fmt/format.h>

#include "controllers/claims.hpp"
#include "controllers/context.hpp"
#include "controllers/evacuation.hpp"
#include "controllers/migration_controller.hpp"
#include "controllers/node_lifecycle.hpp"
#include "controllers/scheduler.hpp"
#include "controllers/taint_eviction.hpp"
#include "controllers/vm_controller.hpp"
#include "controllers/vmi_controller.hpp"

namespace godwit::controllers {

struct Manager::State {
  State(std::shared_ptr<http::Client> transport, Options options) : context{std::move(transport), std::move(options)} {}
  /// Workers first: they read the caches. Then the informers, which call into the controllers' queues and look into
  /// caches started before their own.
  ~State() {
    vms.stop();
    vmis.stop();
    migrations.stop();
    scheduler.stop();
    claims.stop();
    nodes.stop();
    taints.stop();
    evacuation.stop();
    auto informers = context.informers.all();
    for (auto informer = informers.rbegin(); informer != informers.rend(); ++informer) (*informer)->stop();
  }
  Context context;
  VmController vms{context};
  VmiController vmis{context};
  MigrationController migrations{context};
  Scheduler scheduler{context};
  Claims claims{context};
  NodeLifecycle nodes{context};
  TaintEviction taints{context};
  Evacuation evacuation{context};
};

Manager::Manager(std::unique_ptr<State> state) : state_{std::move(state)} {}
Manager::~Manager() = default;

Result<std::unique_ptr<Manager>> Manager::start(std::shared_ptr<http::Client> transport, Options options) {
  auto state = std::make_unique<State>(std::move(transport), std::move(options));
  auto& context = state->context;
  const auto deadline = Deadline::after(context.options.sync_timeout);
  for (auto* informer : context.informers.all()) informer->start(context.client);
  for (auto* informer : context.informers.all()) {
    if (!informer->cache().wait_synced(deadline, {})) {
      return fail(Code::timeout, fmt::format("the controllers could not list {} in time", informer->what()));
    }
  }
  state->vms.start();
  state->vmis.start();
  state->migrations.start();
  state->scheduler.start();
  state->claims.start();
  state->nodes.start();
  state->taints.start();
  state->evacuation.start();
  return std::unique_ptr<Manager>{new Manager{std::move(state)}};
}

}  // namespace godwit::controllers
