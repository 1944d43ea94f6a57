// KubeVirt's verbs on machines (subresources.kubevirt.io): start, stop, restart, migrate; pause, unpause, softreboot,
// reset. They change objects; controllers and agents act on the change.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "apiserver/objects.hpp"
#include "apiserver/request_info.hpp"
#include "http/message.hpp"
#include "rules/guest_control.hpp"
#include "rules/power.hpp"

namespace godwit::apiserver {

class MachineVerbs {
 public:
  explicit MachineVerbs(Objects& objects) : objects_{objects} {}

  /// Nothing when the verb is none of these.
  [[nodiscard]] std::optional<Result<http::Response>> serve(const http::Request& request, const RequestInfo& info,
                                                            const User& user, const std::stop_token& stop) const;

 private:
  using Decide = std::function<Result<rules::PowerChange>(const json::Value& vm, const json::Value* vmi)>;
  [[nodiscard]] Result<http::Response> change_power(const RequestInfo& info, const WriteOptions& options,
                                                    const Decide& decide) const;
  [[nodiscard]] Result<> apply(const RequestInfo& info, const WriteOptions& options, const json::Value& vm,
                               rules::PowerChange change) const;
  [[nodiscard]] Result<http::Response> restart(const RequestInfo& info, const WriteOptions& options,
                                               std::optional<std::int64_t> grace) const;
  [[nodiscard]] Result<http::Response> migrate(const RequestInfo& info, const WriteOptions& options,
                                               const json::Value& body) const;
  [[nodiscard]] Result<http::Response> ask_guest(const RequestInfo& info, const WriteOptions& options,
                                                 rules::GuestRequest request, const std::stop_token& stop) const;
  [[nodiscard]] std::optional<json::Value> instance_of(const RequestInfo& info) const;

  Objects& objects_;
};

}  // namespace godwit::apiserver
