// The cluster's CA and what it issues: files below the server's data directory.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "http/pki.hpp"

namespace godwit::apiserver {

/// The CA of the data directory, made when there is none.
[[nodiscard]] Result<http::KeyPair> load_or_make_ca(const std::filesystem::path& data);

/// A kubeconfig as text, with a fresh client certificate for the user.
[[nodiscard]] Result<std::string> client_kubeconfig(const http::KeyPair& ca, const std::string& server,
                                                    const std::string& user, const std::string& group);

struct NodeRequest {
  std::filesystem::path data;  ///< of the server
  std::string name;            ///< of the node
  std::string address;         ///< its IP
  std::string server;          ///< "https://…"
  std::filesystem::path out;   ///< kubeconfig to be written
};

/// Issues a node's credentials: one certificate for its calls, its streams and its migrations.
[[nodiscard]] Result<> issue_node(const NodeRequest& request);

}  // namespace godwit::apiserver
