#include "kube/kubeconfig.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "json/yaml.hpp"

namespace godwit::kube {
namespace {

namespace fs = std::filesystem;

/// What is being read: where errors come from.
struct Source {
  fs::path path;

  [[nodiscard]] Failure wrong(std::string_view what) const {
    return fail(Code::invalid, fmt::format("kubeconfig {}: {}", path.string(), what));
  }
};

/// The entry of a named list, e.g. "clusters", and in it the object, e.g. "cluster".
Result<json::Value> entry_of(const Source& source, const json::Value& config, std::string_view list,
                             std::string_view member, const std::string& name, std::string_view named_by) {
  for (const auto& entry : json::array_at(config, fmt::format("/{}", list))) {
    if (json::string_at(entry, "/name") != name) continue;
    if (const auto* found = json::find(entry, fmt::format("/{}", member)); found != nullptr && found->is_object()) {
      return *found;
    }
    return source.wrong(fmt::format("{}[name={}].{} is missing", list, name, member));
  }
  return source.wrong(fmt::format("{} names \"{}\", which is not in {}", named_by, name, list));
}

/// Bytes that stand in the file itself ("<field>-data", base64) or in a file of their own ("<field>").
Result<std::string> bytes_of(const Source& source, const json::Value& entry, std::string_view field,
                             std::string_view where) {
  if (const auto data = json::string_at(entry, fmt::format("/{}-data", field)); !data.empty()) {
    auto bytes = base64_decode(data);
    if (!bytes) return source.wrong(fmt::format("{}.{}-data is not valid base64", where, field));
    return *std::move(bytes);
  }
  const auto file = json::string_at(entry, fmt::format("/{}", field));
  if (file.empty()) return std::string{};
  auto bytes = read_file(file);
  if (!bytes) return source.wrong(fmt::format("{}.{}: {}", where, field, bytes.error().message));
  return bytes;
}

Result<> check_pem(const Source& source, const std::string& pem, std::string_view where) {
  if (pem.empty() || pem.find("-----BEGIN ") != std::string::npos) return {};
  return source.wrong(fmt::format("{} holds no PEM", where));
}

Result<> read_cluster(const Source& source, const json::Value& cluster, const std::string& name, Kubeconfig& config) {
  const auto where = fmt::format("clusters[name={}].cluster", name);
  config.server = json::string_at(cluster, "/server");
  if (config.server.empty()) return source.wrong(where + ".server is missing");
  if (!config.server.starts_with("https://")) {
    return source.wrong(fmt::format("{}.server is \"{}\": only https:// is supported", where, config.server));
  }
  while (config.server.ends_with('/')) config.server.pop_back();
  if (json::bool_at(cluster, "/insecure-skip-tls-verify")) {
    return source.wrong(where + ".insecure-skip-tls-verify is not supported: give certificate-authority-data");
  }
  auto ca = bytes_of(source, cluster, "certificate-authority", where);
  if (!ca) return fail(ca.error());
  config.ca_pem = *std::move(ca);
  return check_pem(source, config.ca_pem, where + ".certificate-authority(-data)");
}

Result<> read_user(const Source& source, const json::Value& user, const std::string& name, Kubeconfig& config) {
  const auto where = fmt::format("users[name={}].user", name);
  for (const auto* unsupported : {"exec", "auth-provider", "username"}) {
    if (json::find(user, fmt::format("/{}", unsupported)) != nullptr) {
      return source.wrong(
          fmt::format("{}.{} is not built yet: use client-certificate-data or token", where, unsupported));
    }
  }
  auto certificate = bytes_of(source, user, "client-certificate", where);
  if (!certificate) return fail(certificate.error());
  auto key = bytes_of(source, user, "client-key", where);
  if (!key) return fail(key.error());
  config.client_certificate_pem = *std::move(certificate);
  config.client_key_pem = *std::move(key);
  config.token = json::string_at(user, "/token");
  if (const auto file = json::string_at(user, "/tokenFile"); config.token.empty() && !file.empty()) {
    auto token = bytes_of(source, json::Object{{"tokenFile", file}}, "tokenFile", where);
    if (!token) return fail(token.error());
    config.token = trim(*token);
  }
  if (config.client_certificate_pem.empty() != config.client_key_pem.empty()) {
    return source.wrong(where + " needs both client-certificate(-data) and client-key(-data)");
  }
  if (config.client_certificate_pem.empty() && config.token.empty()) {
    return source.wrong(where + " has neither a client certificate nor a token");
  }
  if (auto ok = check_pem(source, config.client_certificate_pem, where + ".client-certificate(-data)"); !ok) return ok;
  return check_pem(source, config.client_key_pem, where + ".client-key(-data)");
}

json::Value named(std::string_view member, json::Value object) {
  json::Object entry;
  entry["name"] = "godwit";
  entry[member] = std::move(object);
  return json::Array({json::Value(std::move(entry))});
}

}  // namespace

namespace {

Result<json::Value> parse_file(const fs::path& path) {
  const Source source{path};
  const auto text = read_file(path);
  if (!text) {
    return fail(text.error().code,
                fmt::format("kubeconfig {} (give --kubeconfig FILE or set KUBECONFIG)", text.error().message));
  }
  auto parsed = json::parse_yaml(*text);
  if (!parsed) return source.wrong(parsed.error().message);
  if (!parsed->is_object()) return source.wrong("is not a kubeconfig: no mapping at its top");
  return parsed;
}

/// Relative paths are relative to the file that they stand in.
void make_paths_absolute(json::Value& entry, std::string_view member, const fs::path& file) {
  for (const char* field : {"certificate-authority", "client-certificate", "client-key", "tokenFile"}) {
    const std::string pointer = fmt::format("/{}/{}", member, field);
    const std::string path = json::string_at(entry, pointer);
    if (!path.empty() && !fs::path{path}.is_absolute())
      json::set(entry, pointer, (fs::absolute(file).parent_path() / path).string());
  }
}

/// Takes over what `merged` has not: of each name and of the current context the first one counts.
void merge_file(json::Value& merged, const json::Value& parsed, const fs::path& file) {
  if (json::string_at(merged, "/current-context").empty())
    json::set(merged, "/current-context", json::string_at(parsed, "/current-context"));
  for (const auto& [list, member] : {std::pair{"clusters", "cluster"}, {"users", "user"}, {"contexts", "context"}}) {
    const std::string pointer = fmt::format("/{}", list);
    json::Array entries = json::array_at(merged, pointer);
    for (json::Value entry : json::array_at(parsed, pointer)) {
      const std::string name = json::string_at(entry, "/name");
      const bool known = std::any_of(entries.begin(), entries.end(),
                                     [&](const json::Value& other) { return json::string_at(other, "/name") == name; });
      if (known) continue;
      make_paths_absolute(entry, member, file);
      entries.push_back(std::move(entry));
    }
    json::set(merged, pointer, std::move(entries));
  }
}

/// The files that count, as one; `source` names them in errors.
struct Merged {
  Source source;
  json::Value config;
};

Result<Merged> merge(const std::vector<fs::path>& paths) {
  Merged merged{.source = {}, .config = json::Object{}};
  std::string names;
  for (const fs::path& path : paths) {
    const auto parsed = parse_file(path);
    // Of several files those that are missing don't count.
    if (!parsed && parsed.error().code == Code::not_found && paths.size() > 1) continue;
    if (!parsed) return fail(parsed.error());
    merge_file(merged.config, *parsed, path);
    names += (names.empty() ? "" : ":") + path.string();
  }
  if (names.empty()) return fail(Code::not_found, "none of the files that KUBECONFIG names is there");
  merged.source.path = names;
  return merged;
}

std::vector<fs::path> paths_of(const std::string& explicit_path) {
  if (!explicit_path.empty()) return {explicit_path};
  std::vector<fs::path> paths;
  if (const char* variable = std::getenv("KUBECONFIG"); variable != nullptr) {
    for (const std::string& path : split(variable, ':')) {
      if (!path.empty()) paths.emplace_back(path);
    }
  }
  const char* home = std::getenv("HOME");
  if (paths.empty()) paths.push_back(fs::path{home == nullptr ? "/root" : home} / ".kube" / "config");
  return paths;
}

std::vector<std::string> names_in(const json::Value& config, std::string_view list) {
  std::vector<std::string> names;
  for (const json::Value& entry : json::array_at(config, list)) names.push_back(json::string_at(entry, "/name"));
  return names;
}

Result<Kubeconfig> resolve(const Merged& merged, const std::string& context_asked_for) {
  const auto& [source, parsed] = merged;
  const std::string current =
      context_asked_for.empty() ? json::string_at(parsed, "/current-context") : context_asked_for;
  if (current.empty()) return source.wrong("current-context is missing: set it with kubectl config use-context NAME");
  const auto known = names_in(parsed, "/contexts");
  if (!context_asked_for.empty() && std::find(known.begin(), known.end(), current) == known.end()) {
    return source.wrong(fmt::format("there is no context \"{}\"; the contexts are {}", current, join(known, ", ")));
  }
  const auto context = entry_of(source, parsed, "contexts", "context", current, "current-context");
  if (!context) return fail(context.error());

  const auto where = fmt::format("contexts[name={}].context", current);
  const auto cluster_name = json::string_at(*context, "/cluster");
  const auto user_name = json::string_at(*context, "/user");
  const auto cluster = entry_of(source, parsed, "clusters", "cluster", cluster_name, where + ".cluster");
  if (!cluster) return fail(cluster.error());
  const auto user = entry_of(source, parsed, "users", "user", user_name, where + ".user");
  if (!user) return fail(user.error());

  Kubeconfig config;
  config.source = source.path;
  config.ns = json::string_at(*context, "/namespace", "default");
  if (config.ns.empty()) config.ns = "default";
  if (auto ok = read_cluster(source, *cluster, cluster_name, config); !ok) return fail(ok.error());
  if (auto ok = read_user(source, *user, user_name, config); !ok) return fail(ok.error());
  return config;
}

}  // namespace

Result<Kubeconfig> read_kubeconfig(const fs::path& path) {
  const auto merged = merge({path});
  return merged ? resolve(*merged, {}) : Result<Kubeconfig>{fail(merged.error())};
}

Result<Kubeconfig> find_kubeconfig(const std::string& explicit_path, const std::string& context) {
  const auto merged = merge(paths_of(explicit_path));
  return merged ? resolve(*merged, context) : Result<Kubeconfig>{fail(merged.error())};
}

Result<std::vector<std::string>> contexts_of(const std::string& explicit_path) {
  const auto merged = merge(paths_of(explicit_path));
  if (!merged) return fail(merged.error());
  return names_in(merged->config, "/contexts");
}

Result<> write_kubeconfig(const fs::path& path, const Kubeconfig& config) {
  json::Object cluster{{"server", config.server}};
  if (!config.ca_pem.empty()) cluster["certificate-authority-data"] = base64_encode(config.ca_pem);
  json::Object user;
  if (!config.client_certificate_pem.empty()) {
    user["client-certificate-data"] = base64_encode(config.client_certificate_pem);
    user["client-key-data"] = base64_encode(config.client_key_pem);
  }
  if (!config.token.empty()) user["token"] = config.token;
  json::Object file;
  file["apiVersion"] = "v1";
  file["kind"] = "Config";
  file["clusters"] = named("cluster", std::move(cluster));
  file["users"] = named("user", std::move(user));
  file["contexts"] =
      named("context", json::Object{{"cluster", "godwit"}, {"user", "godwit"}, {"namespace", config.ns}});
  file["current-context"] = "godwit";
  return write_file(path, json::write_yaml(json::Value(std::move(file))), 0600);
}

Result<std::shared_ptr<http::Client>> connect(const Kubeconfig& config) {
  http::ClientOptions options;
  options.base_url = config.server;
  options.tls.ca_pem = config.ca_pem;
  options.tls.certificate_pem = config.client_certificate_pem;
  options.tls.key_pem = config.client_key_pem;
  options.bearer_token = config.token;
  auto client = http::Client::create(std::move(options));
  if (!client) return fail(client.error());
  return std::shared_ptr<http::Client>{*std::move(client)};
}

}  // namespace godwit::kube
