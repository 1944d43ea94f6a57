#include "apiserver/user.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"

namespace godwit::apiserver {

bool User::in_group(std::string_view group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

Result<Authenticator> Authenticator::load(const std::filesystem::path& token_file) {
  Authenticator authenticator;
  const auto text = read_file(token_file);
  if (!text && text.error().code == Code::not_found) return authenticator;
  if (!text) return fail(text.error());
  int number = 0;
  for (const std::string& raw : split(*text, '\n')) {
    ++number;
    const std::string line{trim(raw)};
    if (line.empty() || line.front() == '#') continue;
    const std::vector<std::string> fields = split(line.substr(0, line.find('"')), ',');
    if (fields.size() < 3 || fields[0].empty() || fields[1].empty()) {
      return fail(Code::invalid,
                  fmt::format("{}:{}: write token,user,uid,\"group1,group2\"", token_file.string(), number));
    }
    User user{.name = std::string{trim(fields[1])}, .groups = {}};
    if (const std::size_t quote = line.find('"'); quote != std::string::npos) {
      for (const std::string& group : split(line.substr(quote + 1, line.rfind('"') - quote - 1), ',')) {
        user.groups.emplace_back(trim(group));
      }
    }
    authenticator.tokens_.emplace(fields[0], std::move(user));
  }
  return authenticator;
}

Result<User> Authenticator::authenticate(const http::Request& request) const {
  const std::string_view header = request.headers.get("authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (header.starts_with(scheme)) {
    const auto found = tokens_.find(std::string{trim(header.substr(scheme.size()))});
    if (found != tokens_.end()) return found->second;
    return fail(Code::unauthorized, "Unauthorized");
  }
  if (request.peer) return User{.name = request.peer->common_name, .groups = request.peer->organizations};
  return fail(Code::unauthorized, "Unauthorized");
}

}  // namespace godwit::apiserver
