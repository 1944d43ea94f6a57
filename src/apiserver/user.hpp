// Who asks, and what that user may do.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apiserver/lookup.hpp"
#include "apiserver/request_info.hpp"
#include "base/result.hpp"
#include "http/message.hpp"

namespace godwit::apiserver {

struct User {
  std::string name;
  std::vector<std::string> groups;
  [[nodiscard]] bool in_group(std::string_view group) const;
};

/// Client certificates of the CA, and bearer tokens of a file.
class Authenticator {
 public:
  /// "token,user,uid[,"group1,group2"]" a line; a missing file means no tokens.
  [[nodiscard]] static Result<Authenticator> load(const std::filesystem::path& token_file);
  /// Code::unauthorized for nobody and for a wrong token.
  [[nodiscard]] Result<User> authenticate(const http::Request& request) const;

 private:
  std::map<std::string, User> tokens_;
};

/// system:masters may do everything; a node reads what it needs and writes what is its own; nobody else may do
/// anything. Code::forbidden in Kubernetes' words.
[[nodiscard]] Result<> authorize(const User& user, const RequestInfo& request, const Lookup& lookup);

/// "alpha" for the agent of the node alpha; nothing for anybody else.
[[nodiscard]] std::optional<std::string> node_of(const User& user);

}  // namespace godwit::apiserver
