// The kubeconfig file: read it, write it, connect with it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "http/client.hpp"

namespace godwit::kube {

struct Kubeconfig {
  std::string server;
  std::string ca_pem;
  std::string client_certificate_pem;
  std::string client_key_pem;
  std::string token;
  std::string ns = "default";
};

/// The current context of a file. Errors name the file and what is wrong with it, and say what to do.
[[nodiscard]] Result<Kubeconfig> read_kubeconfig(const std::filesystem::path& path);
/// $KUBECONFIG (first file), else ~/.kube/config; an explicit path wins.
[[nodiscard]] Result<Kubeconfig> find_kubeconfig(const std::string& explicit_path);
[[nodiscard]] Result<> write_kubeconfig(const std::filesystem::path& path, const Kubeconfig& config);
[[nodiscard]] Result<std::shared_ptr<http::Client>> connect(const Kubeconfig& config);

}  // namespace godwit::kube
