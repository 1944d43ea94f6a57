// Certificates: a small CA (ECDSA P-256), and leaves for servers, clients and nodes.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/message.hpp"

namespace godwit::http {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

struct LeafRequest {
  std::string common_name;                 ///< user name: "system:node:alpha"
  std::vector<std::string> organizations;  ///< groups: "system:nodes"
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  bool for_server = false;  ///< extended key usage serverAuth
  bool for_client = true;   ///< extended key usage clientAuth
  Duration lifetime = std::chrono::hours{24 * 365};
};

/// A self-signed CA certificate, valid for ten years.
[[nodiscard]] Result<KeyPair> make_ca(const std::string& common_name);
/// A leaf of that CA. Backdated by five minutes against skewed clocks.
[[nodiscard]] Result<KeyPair> issue(const KeyPair& ca, const LeafRequest& leaf);
/// Subject of a PEM certificate: common name and organizations.
[[nodiscard]] Result<PeerIdentity> subject_of(const std::string& certificate_pem);

}  // namespace godwit::http
