// Requests and responses as values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit::http {

/// In order; names compare without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> list) : list_{list} {}
  [[nodiscard]] std::string_view get(std::string_view name) const;  ///< "" when absent
  void set(std::string_view name, std::string value);
  [[nodiscard]] auto begin() const { return list_.begin(); }
  [[nodiscard]] auto end() const { return list_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

/// Who the verified client certificate speaks for.
struct PeerIdentity {
  std::string common_name;
  std::vector<std::string> organizations;
};

struct Request {
  std::string method = "GET";
  std::string path;                                        ///< percent-decoded
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order
  Headers headers;
  std::string body;
  std::optional<PeerIdentity> peer;  ///< server side only
  std::string remote_address;        ///< server side only, "198.18.0.2:4711"

  [[nodiscard]] std::string query_value(std::string_view name, std::string_view fallback = {}) const;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};

/// "/a b?x=1" from its parts, percent-encoded: what a client puts on the wire.
[[nodiscard]] std::string encode_target(const Request& request);
[[nodiscard]] std::string percent_encode(std::string_view text);
[[nodiscard]] std::string percent_decode(std::string_view text);
/// Splits and decodes "/path?query" into the request.
void decode_target(std::string_view target, Request& request);

}  // namespace godwit::http
