// Who may do what: strangers, tokens, and the agents of nodes.
#include "api/api_test.hpp"
#include "apiserver/credentials.hpp"

namespace godwit {
namespace {

using namespace kube::resources;

class AccessTest : public ApiTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(make_directory(directory_.path() / "server"));
    ASSERT_TRUE(write_file(directory_.path() / "server" / "tokens.csv",
                           "s3cret,ann,1,\"system:masters\"\nplain,bob,2\n", 0600));
    ApiTest::SetUp();
  }

  /// A client with the server's CA and nothing else but the token.
  std::unique_ptr<kube::Client> with_token(const std::string& token) {
    kube::Kubeconfig config = *kube::read_kubeconfig(server_->admin_kubeconfig());
    config.client_certificate_pem.clear();
    config.client_key_pem.clear();
    config.token = token;
    return std::make_unique<kube::Client>(*kube::connect(config));
  }

  std::unique_ptr<kube::Client> agent(const std::string& node) {
    const auto out = directory_.path() / (node + ".kubeconfig");
    const auto issued = apiserver::issue_node({.data = directory_.path() / "server",
                                               .name = node,
                                               .address = "127.0.0.1",
                                               .server = server_->url(),
                                               .out = out});
    EXPECT_TRUE(issued) << issued.error().message;
    return connect(out);
  }

  static json::Value parse(const std::string& text) { return *json::parse(text); }
  json::Value make(const kube::Resource& resource, const std::string& text) {
    auto made = client_->create(resource, resource.namespaced ? "default" : "", parse(text));
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : json::Value(nullptr);
  }
  static Code code_of(const Result<json::Value>& result) { return result ? Code::internal : result.error().code; }

  static constexpr const char* status_patch = R"({"status":{"phase":"Failed"}})";
  const kube::Key guest_{.ns = "default", .name = "guest"};
};

TEST_F(AccessTest, StrangersAreRefused) {
  const auto stranger = with_token("");
  EXPECT_EQ(code_of(stranger->get(namespaces, {.ns = {}, .name = "default"})), Code::unauthorized);
  for (const char* open : {"/healthz", "/livez", "/readyz"}) EXPECT_EQ(*stranger->call("GET", open), "ok");
  EXPECT_EQ(stranger->call("GET", "/version").error().code, Code::unauthorized);
  EXPECT_EQ(code_of(with_token("wrong")->get(namespaces, {.ns = {}, .name = "default"})), Code::unauthorized);
}

TEST_F(AccessTest, TokensSpeakForTheirUsers) {
  EXPECT_TRUE(with_token("s3cret")->get(namespaces, {.ns = {}, .name = "default"}));
  const auto bob = with_token("plain")->get(secrets, {.ns = "default", .name = "x"});
  ASSERT_FALSE(bob);
  EXPECT_EQ(bob.error().code, Code::forbidden);
  EXPECT_EQ(
      bob.error().message,
      "secrets \"x\" is forbidden: User \"bob\" cannot get resource \"secrets\" in API group \"\" in the namespace "
      "\"default\"");
  const auto review = with_token("plain")->call(
      "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      R"({"spec":{"resourceAttributes":{"verb":"get","resource":"pods","namespace":"default"}}})");
  ASSERT_TRUE(review) << review.error().message;
  EXPECT_FALSE(json::bool_at(parse(*review), "/status/allowed", true));
}

TEST_F(AccessTest, ANodeKeepsItsOwnNodeAndLeaseOnly) {
  const auto alpha = agent("alpha");
  EXPECT_TRUE(alpha->create(nodes, "", parse(R"({"metadata":{"name":"alpha"}})")));
  EXPECT_EQ(code_of(alpha->create(nodes, "", parse(R"({"metadata":{"name":"beta"}})"))), Code::forbidden);
  EXPECT_EQ(code_of(alpha->create(nodes, "", parse(R"({"metadata":{"generateName":"alpha"}})"))), Code::forbidden);
  make(nodes, R"({"metadata":{"name":"beta"}})");
  const json::Value label = parse(R"({"metadata":{"labels":{"x":"y"}}})");
  EXPECT_TRUE(alpha->patch(nodes, {.ns = {}, .name = "alpha"}, kube::PatchType::merge, label));
  EXPECT_EQ(code_of(alpha->patch(nodes, {.ns = {}, .name = "beta"}, kube::PatchType::merge, label)), Code::forbidden);
  EXPECT_EQ(alpha->remove(nodes, {.ns = {}, .name = "beta"}).error().code, Code::forbidden);
  EXPECT_TRUE(alpha->create(leases, "kube-node-lease", parse(R"({"metadata":{"name":"alpha"}})")));
  EXPECT_EQ(code_of(alpha->create(leases, "kube-node-lease", parse(R"({"metadata":{"name":"beta"}})"))),
            Code::forbidden);
}

TEST_F(AccessTest, ANodeWritesVmisThatConcernItOnly) {
  const json::Value vmi = make(
      virtual_machine_instances,
      R"({"metadata":{"name":"guest"},"spec":{"domain":{"devices":{},"memory":{"guest":"64Mi"}}},"status":{"nodeName":""}})");
  const auto alpha = agent("alpha");
  const auto try_it = [&] {
    return alpha->patch(virtual_machine_instances, guest_, kube::PatchType::merge, parse(status_patch));
  };
  EXPECT_EQ(code_of(try_it()), Code::forbidden);  // owned by nobody isn't owned by everybody
  json::Value pod =
      parse(R"({"metadata":{"name":"virt-launcher-guest-abcde"},"spec":{"containers":[{"name":"compute"}]}})");
  json::set(pod, "/metadata/labels/kubevirt.io~1created-by", json::string_at(vmi, "/metadata/uid"));
  ASSERT_TRUE(client_->create(pods, "default", pod));
  EXPECT_EQ(code_of(try_it()), Code::forbidden);
  ASSERT_TRUE(client_->call("POST", "/api/v1/namespaces/default/pods/virt-launcher-guest-abcde/binding",
                            R"({"target":{"name":"alpha"}})"));
  EXPECT_TRUE(try_it());
  EXPECT_EQ(
      code_of(agent("beta")->patch(virtual_machine_instances, guest_, kube::PatchType::merge, parse(status_patch))),
      Code::forbidden);
  for (const char* theirs :
       {R"({"spec":{"terminationGracePeriodSeconds":7}})", R"({"metadata":{"finalizers":["x/y"]}})"}) {
    EXPECT_EQ(code_of(alpha->patch(virtual_machine_instances, guest_, kube::PatchType::merge, parse(theirs))),
              Code::forbidden)
        << theirs;
  }
  EXPECT_EQ(alpha->remove(virtual_machine_instances, guest_).error().code, Code::forbidden);
}

TEST_F(AccessTest, ANodeReportsAndRemovesPodsBoundToItOnly) {
  make(pods, R"({"metadata":{"name":"p"},"spec":{"nodeName":"alpha","containers":[{"name":"c"}]}})");
  const kube::Key pod{.ns = "default", .name = "p"};
  const json::Value running = parse(R"({"status":{"phase":"Running"}})");
  EXPECT_EQ(code_of(agent("beta")->patch(pods, pod, kube::PatchType::merge, running, "status")), Code::forbidden);
  const auto alpha = agent("alpha");
  EXPECT_TRUE(alpha->patch(pods, pod, kube::PatchType::merge, running, "status"));
  EXPECT_EQ(code_of(alpha->patch(pods, pod, kube::PatchType::merge, running)), Code::forbidden);
  EXPECT_TRUE(alpha->remove(pods, pod, {}, {}, 0));
}

TEST_F(AccessTest, ANodeMakesTheVolumesThatItWasAskedForOnly) {
  make(storage_classes,
       R"({"metadata":{"name":"shared"},"provisioner":"godwit.io/shared","parameters":{"path":"/srv/shared"}})");
  const json::Value claim =
      make(persistent_volume_claims,
           R"({"metadata":{"name":"c","annotations":{"volume.kubernetes.io/selected-node":"alpha"}},
          "spec":{"storageClassName":"shared","accessModes":["ReadWriteMany"],"resources":{"requests":{"storage":"1Gi"}}}})");
  const std::string uid = json::string_at(claim, "/metadata/uid");
  const auto volume = [&](const std::string& path, const std::string& node) {
    json::Value object = parse(
        R"({"metadata":{"name":"v"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteMany"],
            "storageClassName":"shared","hostPath":{},"claimRef":{"namespace":"default","name":"c"}}})");
    json::set(object, "/metadata/annotations", json::Object{{"volume.kubernetes.io/selected-node", node}});
    json::set(object, "/spec/hostPath/path", path);
    json::set(object, "/spec/claimRef/uid", uid);
    return object;
  };
  const std::string right = "/srv/shared/volumes/" + uid;
  const auto alpha = agent("alpha");
  EXPECT_EQ(code_of(agent("beta")->create(persistent_volumes, "", volume(right, "beta"))), Code::forbidden);
  EXPECT_EQ(code_of(alpha->create(persistent_volumes, "", volume("/etc", "alpha"))), Code::forbidden);
  EXPECT_EQ(code_of(alpha->create(persistent_volumes, "", volume(right + "/../x", "alpha"))), Code::forbidden);
  EXPECT_TRUE(alpha->create(persistent_volumes, "", volume(right, "alpha")));
  EXPECT_EQ(agent("beta")->remove(persistent_volumes, {.ns = {}, .name = "v"}).error().code, Code::forbidden);
  EXPECT_TRUE(alpha->remove(persistent_volumes, {.ns = {}, .name = "v"}));
}

}  // namespace
}  // namespace godwit
