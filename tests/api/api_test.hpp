// A real API server in this process, and clients for it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "apiserver/server.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "kube/client.hpp"
#include "kube/kubeconfig.hpp"

namespace godwit {

/// Runs the real kubectl; `home` is where it keeps its caches.
inline Output run_kubectl(const std::filesystem::path& kubeconfig, std::vector<std::string> arguments,
                          const std::filesystem::path& home, const std::string& input = {},
                          std::map<std::string, std::string> environment = {}) {
  const char* program = std::getenv("GODWIT_KUBECTL");  // ./test runs these with every kubectl that it has
  std::vector<std::string> argv{program != nullptr ? program : "kubectl", "--kubeconfig", kubeconfig.string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  environment["HOME"] = home.string();
  auto output = run_program({.argv = argv, .extra_environment = std::move(environment)},
                            Deadline::after(std::chrono::seconds{60}), input);
  EXPECT_TRUE(output) << output.error().message;
  return output ? *output : Output{};
}

class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override { start(); }

  void start() {
    auto started = apiserver::ApiServer::start({.data = directory_.path() / "server", .admissions = admissions_});
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    client_ = connect(server_->admin_kubeconfig());
  }

  static std::unique_ptr<kube::Client> connect(const std::filesystem::path& kubeconfig) {
    const auto config = kube::read_kubeconfig(kubeconfig);
    EXPECT_TRUE(config) << config.error().message;
    auto transport = kube::connect(*config);
    EXPECT_TRUE(transport) << transport.error().message;
    return std::make_unique<kube::Client>(*transport);
  }

  /// Runs the real kubectl against the server.
  Output kubectl(std::vector<std::string> arguments, const std::string& input = {},
                 std::map<std::string, std::string> environment = {}) const {
    return run_kubectl(server_->admin_kubeconfig(), std::move(arguments), directory_.path(), input,
                       std::move(environment));
  }

  apiserver::AdmissionChain admissions_ = {};
  TemporaryDirectory directory_ = *TemporaryDirectory::create("godwit-api");
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<kube::Client> client_;
};

}  // namespace godwit
