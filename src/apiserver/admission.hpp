// The admission chain: what may change or refuse an object before it is stored.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apiserver/kinds.hpp"
#include "apiserver/lookup.hpp"
#include "apiserver/user.hpp"
#include "base/result.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {

enum class Operation : unsigned char { create, update, remove };

struct AdmissionRequest {
  Operation operation = Operation::create;
  const Kind& kind;
  std::string ns;
  std::string name;
  std::string subresource;
  const User& user;
  const json::Value* old_object = nullptr;
  const Lookup& lookup;
  std::vector<std::string>* warnings = nullptr;  ///< for the client, who may have meant something else
};

/// Any thread. Must be quick and must not write to the API.
class Admission {
 public:
  virtual ~Admission() = default;
  /// Before validation: may change the object (not called for removals).
  virtual Result<> mutate(const AdmissionRequest& request, json::Value& object) = 0;
  /// After the schema: the last word. For removals `object` is what will go.
  virtual Result<> validate(const AdmissionRequest& request, const json::Value& object) = 0;
};

using AdmissionChain = std::vector<std::shared_ptr<Admission>>;

}  // namespace godwit::apiserver
