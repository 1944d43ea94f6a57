// The kubeconfig file: read it, write it, connect with it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

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
  std::filesystem::path source = {};  ///< the file it was read from; of several, their names with colons between
};

/// The current context of a file. Errors name the file and what is wrong with it, and say what to do.
[[nodiscard]] Result<Kubeconfig> read_kubeconfig(const std::filesystem::path& path);
/// An explicit path, else the files of $KUBECONFIG (of each name the first one counts, as for kubectl), else
/// ~/.kube/config. `context` "": the current one.
[[nodiscard]] Result<Kubeconfig> find_kubeconfig(const std::string& explicit_path, const std::string& context = {});
/// The names of the contexts there.
[[nodiscard]] Result<std::vector<std::string>> contexts_of(const std::string& explicit_path);
[[nodiscard]] Result<> write_kubeconfig(const std::filesystem::path& path, const Kubeconfig& config);
[[nodiscard]] Result<std::shared_ptr<http::Client>> connect(const Kubeconfig& config);

}  // namespace godwit::kube
