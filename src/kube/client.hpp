// Speaking Kubernetes: typed by resource, untyped by content. Works against any Kubernetes API server.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/client.hpp"
#include "json/value.hpp"

namespace godwit::kube {

/// One kind of object as the API addresses it.
struct Resource {
  std::string group;    ///< "" for the core group
  std::string version;  ///< "v1"
  std::string plural;   ///< "virtualmachines"
  std::string kind;     ///< "VirtualMachine"
  bool namespaced = true;

  [[nodiscard]] std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  bool operator==(const Resource&) const = default;
};

namespace resources {
extern const Resource namespaces, nodes, pods, persistent_volumes, persistent_volume_claims, storage_classes,
    priority_classes, secrets, config_maps, service_accounts, events, leases, virtual_machines,
    virtual_machine_instances, virtual_machine_instance_migrations, kubevirts;
}  // namespace resources

/// Name of an object; ns is "" for cluster-scoped kinds.
struct Key {
  std::string ns;
  std::string name;
  auto operator<=>(const Key&) const = default;
  [[nodiscard]] std::string text() const { return ns.empty() ? name : ns + "/" + name; }
};
[[nodiscard]] Key key_of(const json::Value& object);

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
};

struct ObjectList {
  std::vector<json::Value> items;
  std::string resource_version;
};

enum class PatchType : unsigned char { json, merge, strategic };

struct WatchEvent {
  enum class Type : unsigned char { added, modified, deleted, bookmark } type;
  json::Value object;
};

/// What became of a write.
enum class Applied : unsigned char { no, unknown };
struct WriteError {
  Error error;
  Applied applied = Applied::no;  ///< unknown: timed out, 5xx or broken connection: read again before any retry
};
template <class T>
using WriteResult = tl::expected<T, WriteError>;

inline constexpr Duration usual_timeout = std::chrono::seconds{30};  ///< of requests that are given no deadline

/// Thread-safe; share one by reference.
class Client {
 public:
  explicit Client(std::shared_ptr<http::Client> transport);

  /// Always a linearizable read. Errors carry the server's Status: code, message, causes.
  [[nodiscard]] Result<json::Value> get(const Resource& resource, const Key& key,
                                        Deadline deadline = Deadline::after(usual_timeout)) const;
  [[nodiscard]] Result<ObjectList> list(const Resource& resource, std::string_view ns = {},
                                        const ListOptions& options = {},
                                        Deadline deadline = Deadline::after(usual_timeout)) const;
  [[nodiscard]] Result<json::Value> create(const Resource& resource, std::string_view ns,
                                           const json::Value& object) const;
  [[nodiscard]] Result<json::Value> update(const Resource& resource, const json::Value& object,
                                           std::string_view subresource = {}) const;
  [[nodiscard]] Result<json::Value> patch(const Resource& resource, const Key& key, PatchType type,
                                          const json::Value& patch, std::string_view subresource = {}) const;
  /// A patch whose outcome matters: tells "surely not applied" from "unknown".
  [[nodiscard]] WriteResult<json::Value> guarded_patch(const Resource& resource, const Key& key,
                                                       const json::Value& json_patch, Deadline deadline,
                                                       std::string_view subresource = {}) const;
  /// `uid` and `resource_version` as preconditions when not empty.
  Result<> remove(const Resource& resource, const Key& key, std::string_view uid = {},
                  std::string_view resource_version = {}, std::optional<int> grace_period_seconds = {}) const;
  /// Watches from a resource version until the server closes, an error, or a stop. Code::expired: list again.
  Result<> watch(const Resource& resource, std::string_view ns, std::string_view resource_version,
                 const ListOptions& options, const std::function<void(WatchEvent)>& on_event,
                 const std::stop_token& stop) const;
  /// Any other call: a subresource's verb, a console. `body` may be empty.
  [[nodiscard]] Result<std::string> call(std::string_view method, std::string_view path,
                                         const std::string& body = {}) const;

  [[nodiscard]] http::Client& transport() const { return *transport_; }

 private:
  std::shared_ptr<http::Client> transport_;
};

/// "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm1[/subresource]".
[[nodiscard]] std::string path_of(const Resource& resource, std::string_view ns, std::string_view name = {},
                                  std::string_view subresource = {});

}  // namespace godwit::kube
