// Reading and writing objects with Kubernetes' semantics: defaults, validation, admission, versions, finalizers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apiserver/admission.hpp"
#include "apiserver/kinds.hpp"
#include "apiserver/user.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "json/value.hpp"
#include "store/store.hpp"

namespace godwit::apiserver {

/// What a client does with fields that the schema doesn't know.
enum class FieldValidation : unsigned char { strict, warn, ignore };

struct WriteOptions {
  const User& user;
  FieldValidation fields = FieldValidation::strict;
  bool dry_run = false;
};

struct Written {
  json::Value object;
  std::vector<std::string> warnings;
};

struct DeleteOptions {
  std::string uid;               ///< precondition when not empty
  std::string resource_version;  ///< likewise
  std::optional<std::int64_t> grace_period_seconds;
  std::string propagation_policy = {};  ///< "", "Background", "Foreground" or "Orphan"
  bool dry_run = false;
};

enum class PatchKind : unsigned char { json, merge, strategic };

/// Thread-safe.
class Objects {
 public:
  Objects(store::Store& store, const Kinds& kinds, AdmissionChain admissions, const Clock& clock);

  [[nodiscard]] Result<json::Value> get(const Kind& kind, const std::string& ns, const std::string& name) const;
  [[nodiscard]] Result<Written> create(const Kind& kind, const std::string& ns, json::Value object,
                                       const WriteOptions& options);
  [[nodiscard]] Result<Written> update(const Kind& kind, const std::string& ns, const std::string& name,
                                       json::Value object, const std::string& subresource, const WriteOptions& options);
  /// Reads and writes in one step: a patch that names no resourceVersion never fails with a conflict.
  [[nodiscard]] Result<Written> patch(const Kind& kind, const std::string& ns, const std::string& name, PatchKind type,
                                      const json::Value& patch, const std::string& subresource,
                                      const WriteOptions& options);
  /// Any other change, decided upon what is stored at that moment.
  using Change = std::function<Result<json::Value>(const json::Value& current)>;
  [[nodiscard]] Result<Written> change(const Kind& kind, const std::string& ns, const std::string& name,
                                       const std::string& subresource, const WriteOptions& options, const Change& make);
  /// The object as it is now being deleted, or as it was when it is gone at once.
  [[nodiscard]] Result<json::Value> remove(const Kind& kind, const std::string& ns, const std::string& name,
                                           const DeleteOptions& options, const User& user);

  [[nodiscard]] const Lookup& lookup() const { return lookup_; }
  [[nodiscard]] store::Store& store() const { return store_; }
  [[nodiscard]] const Kinds& kinds() const { return kinds_; }

  /// Removes a namespace that is being deleted, once nothing is left in it. False: something is, or it isn't deleted.
  [[nodiscard]] Result<bool> finish_namespace(const std::string& name);

 private:
  /// Defaults, unknown fields, mutation, schema, validation: everything between the client's words and the store.
  [[nodiscard]] Result<> admit(const AdmissionRequest& request, json::Value& object, const WriteOptions& options,
                               std::vector<std::string>& warnings) const;
  [[nodiscard]] Result<> check_namespace(const Kind& kind, const std::string& ns, const std::string& name) const;

  store::Store& store_;
  const Kinds& kinds_;
  AdmissionChain admissions_;
  const Clock& clock_;
  Lookup lookup_;
};

}  // namespace godwit::apiserver
