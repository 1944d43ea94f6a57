// pods/log: kubectl logs against the server, with an agent's stand-in behind it.
#include <mutex>

#include "api/api_test.hpp"

#include "apiserver/credentials.hpp"
#include "http/server.hpp"

namespace godwit {
namespace {

class PodLogTest : public ApiTest {
 protected:
  void SetUp() override {
    start();
    const auto file = directory_.path() / "alpha.kubeconfig";
    ASSERT_TRUE(apiserver::issue_node({.data = directory_.path() / "server",
                                       .name = "alpha",
                                       .address = "127.0.0.1",
                                       .server = server_->url(),
                                       .out = file}));
    const auto node = kube::read_kubeconfig(file);
    ASSERT_TRUE(node);
    http::ServerOptions options;
    options.tls = {node->client_certificate_pem, node->client_key_pem, node->ca_pem};
    auto agent = http::Server::start(std::move(options), [this](http::Exchange& exchange) { answer(exchange); });
    ASSERT_TRUE(agent);
    agent_ = std::move(*agent);
    json::Value object = *json::parse(
        R"({"metadata":{"name":"alpha"},"spec":{},"status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}]}})");
    json::set(object, "/status/daemonEndpoints",
              json::Object{{"kubeletEndpoint", json::Object{{"Port", agent_->port()}}}});
    ASSERT_TRUE(client_->create(kube::resources::nodes, "", object));
  }

  void answer(http::Exchange& exchange) {
    const http::Request& request = exchange.request();
    const std::string organization = request.peer ? request.peer->organizations.at(0) : "";
    if (request.path != "/log/" + uid())
      return exchange.send({.status = 404, .headers = {}, .body = "no log of pod is kept here"});
    std::string said = organization + " tail=" + request.query_value("tailLines") + "\n";
    if (request.query_value("follow") != "true")
      return exchange.send({.status = 200, .headers = {}, .body = std::move(said)});
    exchange.begin(200, {});
    for (int i = 0; i < 3; ++i) {
      if (!exchange.write("line " + std::to_string(i) + "\n")) return;
      (void)sleep_for(std::chrono::milliseconds{20}, exchange.stop());
    }
    exchange.end();
  }

  void make_pod(const std::string& name, const std::string& node) {
    json::Value pod =
        json::Object{{"metadata", json::Object{{"name", name}}},
                     {"spec", json::Object{{"containers", json::Array{json::Object{{"name", "compute"}}}}}}};
    if (!node.empty()) json::set(pod, "/spec/nodeName", node);
    const auto made = client_->create(kube::resources::pods, "default", pod);
    ASSERT_TRUE(made) << made.error().message;
    const std::scoped_lock lock{mutex_};
    uid_ = json::string_at(*made, "/metadata/uid");
  }
  /// Asked by the agent's threads.
  std::string uid() {
    const std::scoped_lock lock{mutex_};
    return uid_;
  }

  std::mutex mutex_;
  std::string uid_;
  std::unique_ptr<http::Server> agent_;
};

TEST_F(PodLogTest, ComesFromTheNodesAgent) {
  make_pod("launcher", "alpha");
  EXPECT_EQ(kubectl({"logs", "launcher", "--tail=7"}).out, "system:masters tail=7\n");
  EXPECT_EQ(kubectl({"logs", "launcher", "-c", "compute"}).out, "system:masters tail=\n");
  EXPECT_EQ(kubectl({"logs", "-f", "launcher"}).out, "line 0\nline 1\nline 2\n");
}

TEST_F(PodLogTest, RefusalsAreKubernetes) {
  make_pod("launcher", "alpha");
  EXPECT_NE(kubectl({"logs", "other"}).err.find("pods \"other\" not found"), std::string::npos);
  EXPECT_NE(kubectl({"logs", "launcher", "-c", "x"}).err.find("container x is not valid for pod launcher"),
            std::string::npos);
  EXPECT_NE(kubectl({"logs", "launcher", "-p"}).err.find("previous terminated container"), std::string::npos);
  {
    const std::scoped_lock lock{mutex_};
    uid_ = "another";
  }
  const Output none = kubectl({"logs", "launcher"});
  EXPECT_NE(none.err.find("logs of pod launcher on node alpha: no log of pod is kept here"), std::string::npos)
      << none.err;
}

TEST_F(PodLogTest, OfAPodWithoutANodeIsEmpty) {
  make_pod("waiting", "");
  const Output empty = kubectl({"logs", "waiting"});
  EXPECT_TRUE(empty.exit.ok()) << empty.err;
  EXPECT_EQ(empty.out, "");
}

TEST_F(PodLogTest, AnAgentOutOfReachIsNamed) {
  make_pod("launcher", "alpha");
  agent_.reset();
  const Output refused = kubectl({"logs", "launcher"});
  EXPECT_FALSE(refused.exit.ok());
  EXPECT_NE(refused.err.find("logs of pod launcher on node alpha"), std::string::npos) << refused.err;
}

}  // namespace
}  // namespace godwit
