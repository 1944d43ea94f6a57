#include <fmt/format.h>

#include <map>

#include "base/text.hpp"
#include "migrate/tunnel.hpp"

namespace godwit::migrate {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;

Result<std::int64_t> number(const Values& values, std::string_view name, std::int64_t fallback) {
  const auto found = values.find(name);
  if (found == values.end()) return fallback;
  const auto value = parse_number<std::int64_t>(found->second);
  if (!value || *value < -1)
    return fail(Code::bad_request, fmt::format("--{} is not a number: {}", name, found->second));
  return *value;
}

Result<> parse_ports(TunnelSpec& spec, std::string_view text) {
  const auto ends = split(text, '-');
  const auto first = parse_number<int>(ends.front());
  const auto last = parse_number<int>(ends.back());
  if (ends.size() > 2 || !first || !last || *first < 0 || *last > 65535 || *first > *last)
    return fail(Code::bad_request, fmt::format("not a port or a range of ports: {}", text));
  spec.first_port = *first;
  spec.last_port = *last;
  return {};
}

Result<> parse_endpoint(TunnelSpec& spec, const Values& values) {
  if (spec.mode == TunnelSpec::Mode::listen) {
    spec.address = values.at("address");
    return parse_ports(spec, values.at("ports"));
  }
  const auto& target = values.at("target");
  const auto colon = target.rfind(':');
  if (colon == std::string::npos) return fail(Code::bad_request, fmt::format("--target is not IP:PORT: {}", target));
  spec.address = target.substr(0, colon);
  return parse_ports(spec, std::string_view{target}.substr(colon + 1));
}

Result<Values> read_values(const std::vector<std::string>& arguments) {
  static constexpr std::string_view known =
      " unix address ports target cert key ca peer-cn token control socket-uid limit silence-ms give-up-ms ";
  Values values;
  for (std::size_t i = 1; i < arguments.size(); i += 2) {
    const std::string_view name = arguments[i];
    if (!name.starts_with("--") || known.find(fmt::format(" {} ", name.substr(2))) == std::string_view::npos)
      return fail(Code::bad_request, fmt::format("unknown argument {}", name));
    if (i + 1 == arguments.size()) return fail(Code::bad_request, fmt::format("{} needs a value", name));
    values[std::string{name.substr(2)}] = arguments[i + 1];
  }
  return values;
}

}  // namespace

std::vector<std::string> tunnel_arguments(const TunnelSpec& spec) {
  const bool listens = spec.mode == TunnelSpec::Mode::listen;
  std::vector<std::string> out = {"tunnel", listens ? "listen" : "dial", "--unix", spec.unix_socket.string()};
  const auto add = [&out](std::string name, std::string value) {
    out.push_back(std::move(name));
    out.push_back(std::move(value));
  };
  if (listens) {
    add("--address", spec.address);
    add("--ports", fmt::format("{}-{}", spec.first_port, spec.last_port));
  } else {
    add("--target", fmt::format("{}:{}", spec.address, spec.first_port));
  }
  add("--cert", spec.certificate.string());
  add("--key", spec.key.string());
  add("--ca", spec.ca.string());
  add("--peer-cn", spec.peer_name);
  add("--token", spec.token);
  if (!spec.control.empty()) add("--control", spec.control.string());
  if (spec.socket_uid >= 0) add("--socket-uid", std::to_string(spec.socket_uid));
  if (spec.bytes_per_second > 0) add("--limit", std::to_string(spec.bytes_per_second));
  add("--silence-ms", std::to_string(spec.silence_ms));
  add("--give-up-ms", std::to_string(spec.give_up_ms));
  return out;
}

Result<TunnelSpec> parse_tunnel_arguments(const std::vector<std::string>& arguments) {
  if (arguments.empty() || (arguments[0] != "listen" && arguments[0] != "dial"))
    return fail(Code::bad_request, "say `godwit tunnel listen …` or `godwit tunnel dial …`");
  const auto values = read_values(arguments);
  if (!values) return fail(values.error());
  TunnelSpec spec;
  spec.mode = arguments[0] == "listen" ? TunnelSpec::Mode::listen : TunnelSpec::Mode::dial;
  std::vector<std::string> needed = {"unix", "cert", "key", "ca", "peer-cn", "token"};
  if (spec.mode == TunnelSpec::Mode::listen) needed.insert(needed.end(), {"address", "ports"});
  if (spec.mode == TunnelSpec::Mode::dial) needed.emplace_back("target");
  for (const auto& name : needed)
    if (!values->contains(name)) return fail(Code::bad_request, fmt::format("--{} is missing", name));
  if (auto ok = parse_endpoint(spec, *values); !ok) return fail(ok.error());
  spec.unix_socket = values->at("unix");
  spec.certificate = values->at("cert");
  spec.key = values->at("key");
  spec.ca = values->at("ca");
  spec.peer_name = values->at("peer-cn");
  spec.token = values->at("token");
  if (values->contains("control")) spec.control = values->at("control");
  const auto uid = number(*values, "socket-uid", -1);
  const auto limit = number(*values, "limit", 0);
  const auto silence = number(*values, "silence-ms", spec.silence_ms);
  const auto give_up = number(*values, "give-up-ms", spec.give_up_ms);
  for (const auto* value : {&uid, &limit, &silence, &give_up})
    if (!*value) return fail(value->error());
  spec.socket_uid = static_cast<int>(*uid);
  spec.bytes_per_second = *limit;
  spec.silence_ms = static_cast<int>(*silence);
  spec.give_up_ms = static_cast<int>(*give_up);
  return spec;
}

}  // namespace godwit::migrate
