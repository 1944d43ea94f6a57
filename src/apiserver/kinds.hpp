// The kinds that this server serves, read from api/: kinds are data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "json/path.hpp"
#include "json/schema.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {

/// A printer column: a path into the object, or a name that table_cells.cpp computes.
struct Column {
  std::string name;
  std::string type;  ///< "string", "integer", "date", "boolean"
  std::string description;
  int priority = 0;  ///< > 0: shown with -o wide only
  std::optional<json::Path> path;
  std::string computed;
  std::string absent;  ///< shown when the path gives nothing
};

/// Another group's name for objects that are stored as a kind of theirs; only names of fields at the top differ.
struct View {
  std::string of_group, of_version, of_plural, of_kind;
  std::vector<std::pair<std::string, std::string>> fields;  ///< as served, as stored
};

struct Kind {
  std::string group;
  std::string version;
  std::string plural;
  std::string singular;
  std::string kind;
  std::string list_kind;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  std::vector<std::string> selectable_fields;
  std::vector<Column> columns;
  bool namespaced = true;
  bool has_status = false;  ///< status is a subresource: plain writes don't touch it, status writes nothing else
  bool built_in = false;    ///< one of Kubernetes' own (api/core)
  json::Schema schema;
  std::optional<View> view = {};

  /// Between what is stored and what is served; the same but for views.
  [[nodiscard]] json::Value as_served(json::Value stored) const;
  [[nodiscard]] json::Value as_stored(json::Value served) const;

  [[nodiscard]] std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  /// "virtualmachines.kubevirt.io", as Kubernetes' messages name a resource.
  [[nodiscard]] std::string qualified() const { return group.empty() ? plural : plural + "." + group; }
  /// Where its objects are stored: "/kubevirt.io/virtualmachines/".
  [[nodiscard]] std::string prefix() const {
    const auto& home = view ? view->of_group : group;
    return "/" + (home.empty() ? "core" : home) + "/" + (view ? view->of_plural : plural) + "/";
  }
  [[nodiscard]] std::string prefix(std::string_view ns) const {
    return ns.empty() ? prefix() : prefix() + std::string{ns} + "/";
  }
  [[nodiscard]] std::string key(std::string_view ns, std::string_view name) const {
    return (namespaced ? prefix(ns) : prefix()) + std::string{name};
  }
};

/// Immutable.
class Kinds {
 public:
  /// Parses the embedded files. An error is a defect of api/.
  [[nodiscard]] static Result<Kinds> load();
  [[nodiscard]] const Kind* find(std::string_view group, std::string_view version, std::string_view plural) const;
  [[nodiscard]] const Kind* find_kind(std::string_view api_version, std::string_view kind) const;
  [[nodiscard]] const std::vector<Kind>& all() const { return kinds_; }

 private:
  std::vector<Kind> kinds_;
};

/// One CRD-form document as a Kind.
[[nodiscard]] Result<Kind> parse_kind(const json::Value& definition);

}  // namespace godwit::apiserver
