#include <unistd.h>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "cli/progress.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

using namespace kube::resources;

Result<> check_node(const Session& session, const std::string& node) {
  const auto found = session.client.get(nodes, {.ns = {}, .name = node});
  if (found) return {};
  if (found.error().code != Code::not_found) return fail(found.error());
  return fail(Code::not_found, fmt::format("there is no node \"{}\"; see `kubectl get nodes`", node));
}

std::string why_it_failed(const Session& session, const json::Value& migration) {
  std::string reason = json::string_at(migration, "/status/migrationState/failureReason");
  const std::string name = json::string_at(migration, "/metadata/name");
  const auto happened =
      session.client.list(events, session.ns, {.label_selector = {}, .field_selector = "involvedObject.name=" + name});
  if (reason.empty() && happened) {
    for (const json::Value& event : happened->items) {
      if (json::string_at(event, "/type") == "Warning") reason = json::string_at(event, "/message");
    }
  }
  return reason.empty() ? "see `kubectl describe vmim " + name + "`" : reason;
}

/// Prints progress until the migration is final; returns the final object.
Result<json::Value> follow(const Session& session, const kube::Key& key) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  std::string shown;
  for (;;) {
    auto now = session.client.get(virtual_machine_instance_migrations, key);
    if (!now) return now;
    const std::string line = progress_line(*now);
    if (line != shown) fmt::print("{}{}{}", terminal ? "\r\033[K" : "", line, terminal ? "" : "\n");
    std::fflush(stdout);
    shown = line;
    const std::string phase = json::string_at(*now, "/status/phase");
    if (phase == "Failed" || (phase == "Succeeded" && json::find(*now, "/status/result") != nullptr)) {
      if (terminal) fmt::print("\n");
      return now;
    }
    (void)sleep_for(std::chrono::milliseconds{50}, {});
  }
}

}  // namespace

Result<> migrate(const Session& session, const std::string& name, const std::string& node, bool watch) {
  if (!node.empty()) {
    if (auto known = check_node(session, node); !known) return known;
  }
  json::Value wanted = json::Object{{"metadata", json::Object{{"generateName", "kubevirt-migrate-vm-"}}},
                                    {"spec", json::Object{{"vmiName", name}}}};
  if (!node.empty()) json::set(wanted, "/spec/addedNodeSelector", json::Object{{"kubernetes.io/hostname", node}});
  const auto made = session.client.create(virtual_machine_instance_migrations, session.ns, wanted);
  if (!made) return fail(made.error());
  fmt::print("VM {} was scheduled to migrate\n", name);
  if (!watch) return {};
  const auto ended = follow(session, kube::key_of(*made));
  if (!ended) return fail(ended.error());
  if (json::string_at(*ended, "/status/phase") != "Succeeded") {
    return fail(Code::internal, fmt::format("the migration of {} failed: {}", name, why_it_failed(session, *ended)));
  }
  fmt::print("{}", summary_of(*ended));
  return {};
}

Result<> migrate_cancel(const Session& session, const std::string& name) {
  const auto list = session.client.list(virtual_machine_instance_migrations, session.ns,
                                        {.label_selector = "kubevirt.io/vmi-name=" + name, .field_selector = {}});
  if (!list) return fail(list.error());
  for (const json::Value& migration : list->items) {
    const std::string phase = json::string_at(migration, "/status/phase");
    if (phase == "Succeeded" || phase == "Failed") continue;
    const kube::Key key = kube::key_of(migration);
    if (auto removed = session.client.remove(virtual_machine_instance_migrations, key); !removed) {
      return fail(
          removed.error().within(fmt::format("Error canceling migration {} of a VirtualMachine {}", key.name, name)));
    }
    fmt::print("VM {} was scheduled to migrate-cancel\n", name);
    return {};
  }
  return fail(Code::not_found, "Found no migration to cancel for " + name);
}

Result<> start_or_stop(const Session& session, const std::string& name, const std::string& action) {
  const auto done = session.client.call(
      "PUT",
      fmt::format("/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachines/{}/{}", session.ns, name, action),
      "{}");
  if (!done) return fail(done.error());
  fmt::print("VM {} was scheduled to {}\n", name, action);
  return {};
}

}  // namespace godwit::cli
