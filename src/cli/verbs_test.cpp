#include "cli/verbs.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/files.hpp"
#include "cli/image_store.hpp"

namespace godwit::cli {
namespace {

/// An API server that knows a few answers and remembers what it was asked.
class FakeServer final : public http::Client {
 public:
  std::map<std::string, std::string> answers;  ///< "GET /path" → body; anything else is not found
  std::vector<http::Request> requests;

  tl::expected<http::Response, http::TransportError> send(const http::Request& request, Deadline) override {
    requests.push_back(request);
    const auto found = answers.find(request.method + " " + request.path);
    if (found != answers.end()) return http::Response{.status = 200, .headers = {}, .body = found->second};
    return http::Response{
        .status = 404,
        .headers = {},
        .body = R"({"kind":"Status","status":"Failure","reason":"NotFound","code":404,"message":"not found"})"};
  }
  tl::expected<http::Response, http::TransportError> stream(const http::Request&,
                                                            const std::function<bool(std::string_view)>&,
                                                            const std::stop_token&) override {
    return http::Response{};
  }
  const http::ClientOptions& options() const override { return options_; }

 private:
  http::ClientOptions options_;
};

constexpr std::string_view kubevirt = "/apis/kubevirt.io/v1/namespaces/default";

class Verbs : public ::testing::Test {
 protected:
  void answer(const std::string& method, const std::string& path, std::string body) {
    server_->answers[method + " " + path] = std::move(body);
  }
  void run_machine() {
    answer("GET", std::string{kubevirt} + "/virtualmachineinstances/vm1",
           R"({"metadata":{"name":"vm1"},"status":{"nodeName":"a","phase":"Running"}})");
    answer("POST", std::string{kubevirt} + "/virtualmachineinstancemigrations", R"({"metadata":{"name":"m"}})");
  }
  std::string last_body() const { return server_->requests.back().body; }

  std::shared_ptr<FakeServer> server_ = std::make_shared<FakeServer>();
  Session session_{.config = {}, .client = kube::Client{server_}, .ns = "default", .format = Format::table};
};

TEST_F(Verbs, MigrateCreatesAMigration) {
  run_machine();
  ASSERT_TRUE(migrate(session_, {.name = "vm1", .to = {}}));
  EXPECT_EQ(last_body(), R"({"metadata":{"generateName":"kubevirt-migrate-vm-"},"spec":{"vmiName":"vm1"}})");
}

TEST_F(Verbs, MigrateNamesTheTarget) {
  run_machine();
  answer("GET", "/api/v1/nodes/b", R"({"metadata":{"name":"b"}})");
  ASSERT_TRUE(migrate(session_, {.name = "vm1", .to = "b"}));
  EXPECT_NE(last_body().find(R"("addedNodeSelector":{"kubernetes.io/hostname":"b"})"), std::string::npos);
}

TEST_F(Verbs, MigrateRefusesATargetThatCannotBe) {
  run_machine();
  answer("GET", "/api/v1/nodes", R"({"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]})");
  EXPECT_EQ(migrate(session_, {.name = "vm1", .to = "c"}).error().message, "there is no node c; choose one of a, b");
  EXPECT_EQ(migrate(session_, {.name = "vm1", .to = "a"}).error().message, "it runs on a already; choose another node");
  for (const auto& request : server_->requests) EXPECT_EQ(request.method, "GET");
}

TEST_F(Verbs, MigrateTellsAStoppedMachineFromNone) {
  answer("GET", "/api/v1/namespaces/default", R"({"metadata":{"name":"default"}})");
  EXPECT_NE(migrate(session_, {.name = "vm1", .to = {}}).error().message.find("no such machine"), std::string::npos);
  answer("GET", std::string{kubevirt} + "/virtualmachines/vm1", R"({"metadata":{"name":"vm1"}})");
  EXPECT_NE(migrate(session_, {.name = "vm1", .to = {}}).error().message.find("godwit start vm1"), std::string::npos);
}

TEST_F(Verbs, ANamespaceThatIsNotThereIsNamed) {
  EXPECT_EQ(start(session_, {.name = "vm1"}).error().message,
            "there is no namespace default; see `kubectl get ns`, and give -n");
  answer("GET", "/api/v1/namespaces/default", R"({"metadata":{"name":"default"}})");
  EXPECT_EQ(start(session_, {.name = "vm1"}).error().message,
            "namespace default has no such machine; see `kubectl get vm,vmi -n default`");
}

TEST_F(Verbs, AdviceFitsTheTrouble) {
  session_.config.server = "https://h:6443";
  session_.config.source = "/k";
  const auto advice = [&](Code code, const char* message) { return advise(session_, {code, message}); };
  EXPECT_NE(advice(Code::unavailable, "https://h:6443: refused").message.find("check that the API server runs"),
            std::string::npos);
  EXPECT_NE(advice(Code::unavailable, "h:6443: SSL certificate problem").message.find("/k is of another cluster"),
            std::string::npos);
  const Error refused = advice(Code::unavailable, "h:6443: tlsv1 alert unknown ca");
  EXPECT_EQ(refused.code, Code::unauthorized);
  EXPECT_NE(refused.message.find("does not take the certificate of kubeconfig /k"), std::string::npos);
  EXPECT_EQ(advice(Code::unavailable, "the agent of node a is away").message, "the agent of node a is away");
  EXPECT_NE(advice(Code::forbidden, "no").message.find("(this one: /k)"), std::string::npos);
}

TEST_F(Verbs, MigrateCancelDeletesTheUnfinishedOne) {
  answer("GET", std::string{kubevirt} + "/virtualmachineinstancemigrations",
         R"({"items":[{"metadata":{"name":"old","namespace":"default"},"status":{"phase":"Succeeded"}},
                      {"metadata":{"name":"new","namespace":"default"},"status":{"phase":"Running"}}]})");
  answer("DELETE", std::string{kubevirt} + "/virtualmachineinstancemigrations/new", "{}");
  ASSERT_TRUE(migrate_cancel(session_, "vm1"));
  EXPECT_EQ(server_->requests.front().query_value("labelSelector"), "kubevirt.io/vmi-name=vm1");
  EXPECT_EQ(server_->requests.back().method, "DELETE");
}

TEST_F(Verbs, MigrateCancelSaysThatThereIsNothingToCancel) {
  answer("GET", std::string{kubevirt} + "/virtualmachineinstancemigrations", R"({"items":[]})");
  EXPECT_NE(migrate_cancel(session_, "vm1").error().message.find("Found no migration to cancel for vm1"),
            std::string::npos);
}

TEST_F(Verbs, StartAndStopPutTheSubresource) {
  const std::string path = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/vm1/";
  answer("PUT", path + "start", "");
  answer("PUT", path + "stop", "");
  EXPECT_TRUE(start(session_, {.name = "vm1"}));
  EXPECT_TRUE(stop(session_, {.name = "vm1"}));
  EXPECT_FALSE(start(session_, {.name = "vm2"}));
  EXPECT_TRUE(start(session_, {.name = "vm1", .paused = true}));
  EXPECT_EQ(last_body(), R"({"paused":true})");
  EXPECT_TRUE(stop(session_, {.name = "vm1", .force = true, .grace = 0}));
  EXPECT_EQ(last_body(), R"({"gracePeriod":0})");
  answer("PUT", path + "restart", "");
  EXPECT_TRUE(restart(session_, {.name = "vm1", .force = true, .grace = 0}));
  EXPECT_EQ(last_body(), R"({"gracePeriodSeconds":0})");
  for (const PowerOptions& half : {PowerOptions{.name = "vm1", .force = true}, PowerOptions{.name = "vm1", .grace = 0}})
    EXPECT_EQ(stop(session_, half).error().message, "Must both use --force=true and set --grace-period.");
}

TEST_F(Verbs, WhatIsAskedOfTheGuestGoesToItsInstance) {
  const std::string path = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/vm1/";
  for (const char* verb : {"pause", "unpause", "softreboot", "reset"}) answer("PUT", path + verb, "");
  EXPECT_TRUE(pause(session_, {"vm1"}));
  EXPECT_TRUE(pause(session_, {"vm", "vm1"}));
  EXPECT_TRUE(unpause(session_, {"vmi", "vm1"}));
  EXPECT_TRUE(soft_reboot(session_, "vm1"));
  EXPECT_TRUE(reset(session_, "vm1"));
  EXPECT_FALSE(pause(session_, {"node", "vm1"}));
  EXPECT_FALSE(pause(session_, {"vm2"}));
}

class Images : public Verbs {
 protected:
  void SetUp() override {
    answer("GET", "/apis/storage.k8s.io/v1/storageclasses",
           R"({"items":[{"metadata":{"name":"s","annotations":{"storageclass.kubernetes.io/is-default-class":"true"}},
                         "parameters":{"path":")" +
               shared_.path().string() + R"("}}]})");
    answer("POST", records, "{}");
    ASSERT_TRUE(write_file(disk_, "a disk"));
  }

  const std::string records = "/api/v1/namespaces/godwit-images/configmaps";
  TemporaryDirectory shared_ = *TemporaryDirectory::create("godwit-shared");
  std::filesystem::path disk_ = shared_.path() / "source.img";
};

TEST_F(Images, ImportPutsTheDiskInPlaceAndRecordsIt) {
  ASSERT_TRUE(image_import(session_, {.name = "godwit/tiny", .file = disk_}));
  EXPECT_EQ(read_file(shared_.path() / "images/godwit/tiny/disk.img").value(), "a disk");
  EXPECT_EQ(last_body(),
            R"({"metadata":{"name":"godwit.tiny","labels":{"godwit.io/image":"true"}},"data":{"name":"godwit/tiny",)"
            R"("sizeBytes":"6","sha256":"d614d695eb483126af8a5376433956a60f472ea41b5147893a461e1823006387"}})");
}

TEST_F(Images, ImportReplacesOnlyWhenForced) {
  ASSERT_TRUE(image_import(session_, {.name = "x", .file = disk_}));
  ASSERT_TRUE(write_file(disk_, "another"));
  EXPECT_EQ(image_import(session_, {.name = "x", .file = disk_}).error().code, Code::already_exists);
  ASSERT_TRUE(image_import(session_, {.name = "x", .file = disk_, .force = true}));
  EXPECT_EQ(read_file(shared_.path() / "images/x/disk.img").value(), "another");
}

TEST_F(Images, ImportLeavesNothingWhenItFails) {
  EXPECT_FALSE(image_import(session_, {.name = "a/b", .file = "/absent"}));
  EXPECT_FALSE(std::filesystem::exists(shared_.path() / "images/a"));
}

TEST_F(Images, ImportNeedsTheSharedDirectory) {
  answer("GET", "/apis/storage.k8s.io/v1/storageclasses", R"({"items":[]})");
  EXPECT_NE(image_import(session_, {.name = "x", .file = disk_}).error().message.find("no default StorageClass"),
            std::string::npos);
}

TEST_F(Images, ListTellsDisksThatWereReplacedByHand) {
  ASSERT_TRUE(image_import(session_, {.name = "x", .file = disk_}));
  answer("GET", records, R"({"items":[{"data":{"name":"x","sizeBytes":"6","sha256":"abc"}}]})");
  EXPECT_EQ(ImageStore::open(session_.client)->list()->at(0).sha256, "abc");
  ASSERT_TRUE(write_file(shared_.path() / "images/x/disk.img", "replaced"));
  EXPECT_EQ(ImageStore::open(session_.client)->list()->at(0).sha256, "");
}

TEST_F(Images, ListNeedsNoSharedDirectory) {
  answer(
      "GET", records,
      R"({"items":[{"data":{"name":"z","sizeBytes":"2048","sha256":"abc"}},{"data":{"name":"a/b","sizeBytes":"1"}}]})");
  std::filesystem::remove_all(shared_.path());
  EXPECT_FALSE(ImageStore::open(session_.client));
  const auto images = list_records(session_.client);
  ASSERT_TRUE(images);
  ASSERT_EQ(images->size(), 2U);
  EXPECT_EQ(images->at(0).name, "a/b");
  EXPECT_EQ(images->at(1).size_bytes, 2048);
  EXPECT_TRUE(image_ls(session_));
}

TEST_F(Images, RemoveTakesDiskAndDirectories) {
  ASSERT_TRUE(image_import(session_, {.name = "a/b", .file = disk_}));
  ASSERT_TRUE(image_rm(session_, "a/b"));
  EXPECT_FALSE(std::filesystem::exists(shared_.path() / "images/a"));
  EXPECT_EQ(image_rm(session_, "a/b").error().code, Code::not_found);
}

TEST(ImageTable, AlignsItsColumns) {
  EXPECT_EQ(image_table({{.name = "a", .size_bytes = 1024, .sha256 = "0123456789abcdef0123"},
                         {.name = "godwit/tiny", .size_bytes = 6, .sha256 = {}}}),
            "NAME               SIZE  SHA256\n"
            "a               1.0 KiB  0123456789abcdef\n"
            "godwit/tiny         6 B  <unknown>\n");
}

TEST(ImageName, FollowsTheRulesOfObjectsToo) {
  EXPECT_EQ(image_name_problem("godwit/tiny-1.2"), "");
  for (const char* wrong : {"", "A", "a/", "a/b/c", "../etc", "a-", "a..b", "a/b."}) {
    EXPECT_NE(image_name_problem(wrong), "") << wrong;
  }
}

}  // namespace
}  // namespace godwit::cli
