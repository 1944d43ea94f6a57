// migrate and migrate-cancel.
#include <fmt/format.h>

#include <mutex>
#include <set>
#include <thread>

#include "base/text.hpp"
#include "cli/live_line.hpp"
#include "cli/migration_view.hpp"
#include "cli/missing_machine.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

using namespace kube::resources;
using std::chrono::milliseconds;
using std::chrono::seconds;

Result<> check_target(const Session& session, const std::string& node, const std::string& source) {
  if (node == source) return fail(Code::invalid, fmt::format("it runs on {} already; choose another node", node));
  const auto found = session.client.get(nodes, {.ns = {}, .name = node});
  if (found) return {};
  if (found.error().code != Code::not_found) return fail(found.error());
  std::vector<std::string> names;
  if (const auto all = session.client.list(nodes)) {
    for (const json::Value& object : all->items) names.push_back(kube::key_of(object).name);
  }
  return fail(Code::not_found, names.empty()
                                   ? fmt::format("there is no node {}, and no other", node)
                                   : fmt::format("there is no node {}; choose one of {}", node, join(names, ", ")));
}

/// The progress of a migration as its reader sees it: a live line, and above it what holds the start up.
class Display {
 public:
  Display(const Session& session, const kube::Key& migration)
      : line_{session.format == Format::table ? stdout : stderr},
        warnings_{
            [this, &session, migration](const std::stop_token& stop) { read_warnings(session, migration, stop); }} {}

  void show(const json::Value& migration) {
    const std::lock_guard lock{mutex_};
    const std::string phase = json::string_at(migration, "/status/phase");
    waits_ = phase.empty() || phase == "Pending" || phase == "Scheduling";
    text_ = progress_line(migration);
    line_.show(text_);
  }

 private:
  void read_warnings(const Session& session, const kube::Key& migration, const std::stop_token& stop) {
    const kube::ListOptions about_it{.label_selector = {}, .field_selector = "involvedObject.name=" + migration.name};
    while (!stop.stop_requested()) {
      (void)session.client.watch(
          events, migration.ns, {}, about_it,
          [this](const kube::WatchEvent& event) {
            const std::string message = json::string_at(event.object, "/message");
            const std::lock_guard lock{mutex_};
            if (!waits_ || json::string_at(event.object, "/type") != "Warning" || !told_.insert(message).second) return;
            line_.note(message);
            line_.show(text_);
          },
          stop);
      (void)sleep_for(seconds{1}, stop);
    }
  }

  std::mutex mutex_;
  LiveLine line_;
  std::string text_;
  bool waits_ = true;
  std::set<std::string> told_;
  std::jthread warnings_;  ///< last: it uses all of the above
};

/// Follows it until it is over or deleted; the last that was seen of it.
Result<json::Value> follow(const Session& session, json::Value migration) {
  const kube::Key key = kube::key_of(migration);
  const kube::ListOptions only_it{.label_selector = {}, .field_selector = "metadata.name=" + key.name};
  Display display{session, key};
  Deadline patience = Deadline::after(seconds{60});
  display.show(migration);
  for (bool gone = false; !gone && !is_over(migration);) {
    std::stop_source enough;
    const auto on_event = [&](const kube::WatchEvent& event) {
      if (event.type == kube::WatchEvent::Type::bookmark) return;
      migration = event.object;
      gone = event.type == kube::WatchEvent::Type::deleted;
      display.show(migration);
      if (gone || is_over(migration)) enough.request_stop();
    };
    (void)session.client.watch(virtual_machine_instance_migrations, key.ns,
                               json::string_at(migration, "/metadata/resourceVersion"), only_it, on_event,
                               enough.get_token());
    if (gone || is_over(migration)) break;
    // The stream broke: the server may be starting anew.
    auto again = session.client.get(virtual_machine_instance_migrations, key);
    if (again) {
      migration = std::move(*again);
      patience = Deadline::after(seconds{60});
    } else if (again.error().code == Code::not_found) {
      gone = true;
    } else if (patience.passed()) {
      return fail(again.error().within("lost sight of migration " + key.name));
    }
    (void)sleep_for(milliseconds{100}, {});
  }
  return migration;
}

/// The source's agent writes the figures a moment after the success.
json::Value with_figures(const Session& session, json::Value migration) {
  const Deadline patience = Deadline::after(seconds{3});
  while (json::find(migration, "/status/result") == nullptr && !patience.passed()) {
    (void)sleep_for(milliseconds{20}, {});
    auto again = session.client.get(virtual_machine_instance_migrations, kube::key_of(migration));
    if (!again) break;
    migration = std::move(*again);
  }
  return migration;
}

/// Why it failed: what the agents reported, else the newest warning about it.
std::string failure_reason(const Session& session, const json::Value& migration) {
  std::string reason = json::string_at(migration, "/status/migrationState/failureReason");
  if (!reason.empty()) return reason;
  const auto uid = json::string_at(migration, "/metadata/uid");
  if (const auto all = session.client.list(events, session.ns)) {
    std::string newest;
    for (const json::Value& event : all->items) {
      if (json::string_at(event, "/involvedObject/uid") != uid || json::string_at(event, "/type") != "Warning")
        continue;
      const std::string time = json::string_at(event, "/lastTimestamp");
      if (time < newest) continue;
      newest = time;
      reason = json::string_at(event, "/message");
    }
  }
  if (!reason.empty()) return reason;
  const bool cancelled = json::find(migration, "/metadata/deletionTimestamp") != nullptr;
  return cancelled ? "it was cancelled" : "its object vanished";
}

Result<> watch_migration(const Session& session, const json::Value& created) {
  auto end = follow(session, created);
  if (!end) return fail(end.error());
  if (has_succeeded(*end)) {
    const json::Value migration = with_figures(session, std::move(*end));
    print_answer(session.format, summary_line(migration) + "\n", to_json(migration));
    return {};
  }
  const std::string name = json::string_at(*end, "/spec/vmiName");
  std::string reason = failure_reason(session, *end);
  while (reason.ends_with('.')) reason.pop_back();
  const auto vmi = session.client.get(virtual_machine_instances, session.key(name));
  std::string where = "it does not run any more";
  if (vmi) {
    const std::string node = json::string_at(*vmi, "/status/nodeName");
    where = node.empty() ? "it is on no node" : "it is on " + node;
    if (const std::string phase = json::string_at(*vmi, "/status/phase"); !phase.empty()) where += " (" + phase + ")";
  }
  return fail(Code::conflict, fmt::format("the migration failed: {}; {}", reason, where));
}

}  // namespace

Result<> migrate(const Session& session, const MigrateOptions& options) {
  const auto vmi = session.client.get(virtual_machine_instances, session.key(options.name));
  if (!vmi && vmi.error().code == Code::not_found) return fail(not_running(session, options.name));
  if (!vmi) return fail(vmi.error());
  json::Value wanted = json::Object{{"metadata", json::Object{{"generateName", "kubevirt-migrate-vm-"}}},
                                    {"spec", json::Object{{"vmiName", options.name}}}};
  if (!options.to.empty()) {
    auto right = check_target(session, options.to, json::string_at(*vmi, "/status/nodeName"));
    if (!right) return right;
    json::set(wanted, "/spec/addedNodeSelector", json::Object{{"kubernetes.io/hostname", options.to}});
  }
  const auto created = session.client.create(virtual_machine_instance_migrations, session.ns, wanted);
  if (!created) return fail(created.error());
  const bool answers_at_the_end = options.watch && session.format != Format::table;
  if (!answers_at_the_end) {
    print_answer(session.format, fmt::format("VM {} was scheduled to migrate\n", options.name), to_json(*created));
  }
  return options.watch ? watch_migration(session, *created) : Result<>{};
}

Result<> migrate_cancel(const Session& session, const std::string& name) {
  const auto all = session.client.list(virtual_machine_instance_migrations, session.ns,
                                       {.label_selector = "kubevirt.io/vmi-name=" + name, .field_selector = {}});
  if (!all) return fail(all.error());
  for (const json::Value& migration : all->items) {
    if (is_over(migration)) continue;
    const kube::Key key = kube::key_of(migration);
    if (auto removed = session.client.remove(virtual_machine_instance_migrations, key); !removed) {
      return fail(removed.error().within("migration " + key.name));
    }
    print_request(session, name, "migrate-cancel");
    return {};
  }
  return fail(Code::not_found,
              fmt::format("Found no migration to cancel for {}; see `kubectl get vmim -n {}`", name, session.ns));
}

}  // namespace godwit::cli
