// Who asks, and what that user may do.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apiserver/request_info.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "json/value.hpp"

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

/// What the authorizer must know of the stored objects.
using ReadObject = std::function<std::optional<json::Value>(std::string_view group, std::string_view plural,
                                                            const std::string& ns, const std::string& name)>;

/// system:masters may do everything; a node reads what it needs and writes what is its own; nobody else may do
/// anything. Code::forbidden in Kubernetes' words.
[[nodiscard]] Result<> authorize(const User& user, const RequestInfo& request, const ReadObject& read);

}  // namespace godwit::apiserver
