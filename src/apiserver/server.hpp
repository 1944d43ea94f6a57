// The embedded API server, whole: certificates, store, handlers, garbage collection.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/admission.hpp"
#include "base/result.hpp"

namespace godwit::apiserver {

struct ServerConfig {
  std::filesystem::path data;  ///< database, CA, credentials
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: any free one
  /// DNS names and IP addresses by which clients reach it, besides `address` (and, when that means all, this host's).
  std::vector<std::string> extra_names = {};
  AdmissionChain admissions = {};
};

/// Serves from start() to destruction.
class ApiServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ApiServer>> start(ServerConfig config);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string url() const;
  /// Kubeconfigs written below the data directory: the user's, and the controllers'.
  [[nodiscard]] std::filesystem::path admin_kubeconfig() const;
  [[nodiscard]] std::filesystem::path controller_kubeconfig() const;

 private:
  struct State;
  explicit ApiServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace godwit::apiserver
