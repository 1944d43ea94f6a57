#include "apiserver/credentials.hpp"

#include "apiserver/metadata.hpp"
#include "base/base64.hpp"
#include "base/files.hpp"
#include "json/yaml.hpp"

namespace godwit::apiserver {
namespace {

std::string kubeconfig_text(const std::string& server, const std::string& ca_pem, const http::KeyPair& client,
                            const std::string& user) {
  const json::Value config = json::Object{
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"clusters",
       json::Array{json::Object{
           {"name", "godwit"},
           {"cluster", json::Object{{"server", server}, {"certificate-authority-data", base64_encode(ca_pem)}}}}}},
      {"users", json::Array{json::Object{
                    {"name", user},
                    {"user", json::Object{{"client-certificate-data", base64_encode(client.certificate_pem)},
                                          {"client-key-data", base64_encode(client.key_pem)}}}}}},
      {"contexts",
       json::Array{json::Object{{"name", "godwit"}, {"context", json::Object{{"cluster", "godwit"}, {"user", user}}}}}},
      {"current-context", "godwit"},
  };
  return json::write_yaml(config);
}

}  // namespace

Result<http::KeyPair> load_or_make_ca(const std::filesystem::path& data) {
  const auto directory = data / "pki";
  const auto certificate = read_file(directory / "ca.crt");
  if (certificate) {
    const auto key = read_file(directory / "ca.key");
    if (!key) return fail(key.error());
    return http::KeyPair{*certificate, *key};
  }
  if (certificate.error().code != Code::not_found) return fail(certificate.error());
  if (auto made = make_directory(directory, 0700); !made) return fail(made.error());
  auto ca = http::make_ca("godwit-ca");
  if (!ca) return ca;
  if (auto written = write_file(directory / "ca.key", ca->key_pem, 0600); !written) return fail(written.error());
  if (auto written = write_file(directory / "ca.crt", ca->certificate_pem); !written) return fail(written.error());
  return ca;
}

Result<std::string> client_kubeconfig(const http::KeyPair& ca, const std::string& server, const std::string& user,
                                      const std::string& group) {
  const auto client =
      http::issue(ca, {.common_name = user, .organizations = {group}, .dns_names = {}, .ip_addresses = {}});
  if (!client) return fail(client.error());
  return kubeconfig_text(server, ca.certificate_pem, *client, user);
}

Result<> issue_node(const NodeRequest& request) {
  if (const std::string problem = name_problem(request.name); !problem.empty()) {
    return fail(Code::invalid, "node name \"" + request.name + "\": " + problem);
  }
  const auto ca = load_or_make_ca(request.data);
  if (!ca) return fail(ca.error());
  const std::string user = "system:node:" + request.name;
  const auto pair = http::issue(*ca, {.common_name = user,
                                      .organizations = {"system:nodes"},
                                      .dns_names = {request.name},
                                      .ip_addresses = {request.address},
                                      .for_server = true});
  if (!pair) return fail(pair.error());
  return write_file(request.out, kubeconfig_text(request.server, ca->certificate_pem, *pair, user), 0600);
}

}  // namespace godwit::apiserver
