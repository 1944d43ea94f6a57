#include "kube/kubeconfig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/base64.hpp"
#include "base/files.hpp"

namespace godwit::kube {
namespace {

using testing::HasSubstr;

constexpr auto pem = "-----BEGIN X-----\nabc\n-----END X-----\n";

class KubeconfigTest : public testing::Test {
 protected:
  [[nodiscard]] std::string error_of(const std::string& text) const {
    EXPECT_TRUE(write_file(path, text));
    const auto read = read_kubeconfig(path);
    EXPECT_FALSE(read);
    return read ? "" : read.error().message;
  }
  static std::string file(const std::string& cluster, const std::string& user, const std::string& current = "c") {
    return "current-context: " + current + "\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n" +
           "clusters: [{name: k, cluster: {" + cluster + "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
  }
  TemporaryDirectory directory = TemporaryDirectory::create().value();
  std::filesystem::path path = directory.path() / "config";
};

TEST_F(KubeconfigTest, WhatIsWrittenIsRead) {
  Kubeconfig config{"https://198.18.0.1:6443", pem, pem, pem, "", "team"};
  ASSERT_TRUE(write_kubeconfig(path, config));
  const auto read = read_kubeconfig(path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->server, config.server);
  EXPECT_EQ(read->ca_pem, pem);
  EXPECT_EQ(read->client_key_pem, pem);
  EXPECT_EQ(read->ns, "team");
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms{0600});
}

TEST_F(KubeconfigTest, FilesAreRelativeToTheKubeconfig) {
  ASSERT_TRUE(write_file(directory.path() / "ca.crt", pem));
  ASSERT_TRUE(write_file(path, file("server: https://h, certificate-authority: ca.crt", "token: t")));
  const auto read = read_kubeconfig(path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->ca_pem, pem);
  EXPECT_EQ(read->token, "t");
  EXPECT_EQ(read->ns, "default");
}

TEST_F(KubeconfigTest, ErrorsNameTheFileAndTheField) {
  const struct {
    std::string text;
    std::string expected;
  } cases[] = {
      {file("server: https://h", "token: t", ""), "current-context is missing"},
      {file("server: https://h", "token: t", "other"), "current-context names \"other\", which is not in contexts"},
      {file("certificate-authority-data: aaaa", "token: t"), "clusters[name=k].cluster.server is missing"},
      {file("server: http://h", "token: t"), "only https:// is supported"},
      {file("server: https://h, certificate-authority-data: '***'", "token: t"),
       "clusters[name=k].cluster.certificate-authority-data is not valid base64"},
      {file("server: https://h, certificate-authority-data: YWJj", "token: t"), "holds no PEM"},
      {file("server: https://h, certificate-authority: gone.crt", "token: t"), "gone.crt"},
      {file("server: https://h", "client-certificate-data: " + base64_encode(pem)),
       "users[name=u].user needs both client-certificate(-data) and client-key(-data)"},
      {file("server: https://h", "x: y"), "neither a client certificate nor a token"},
      {file("server: https://h", "exec: {command: x}"), "users[name=u].user.exec is not built yet"},
      {"[1, 2", "kubeconfig"},
      {"hello", "no mapping at its top"},
  };
  for (const auto& each : cases) {
    const auto message = error_of(each.text);
    EXPECT_THAT(message, HasSubstr(each.expected));
    EXPECT_THAT(message, HasSubstr(path.string()));
  }
}

TEST_F(KubeconfigTest, AMissingFileSaysWhatToDo) {
  const auto read = read_kubeconfig(directory.path() / "none");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("none"));
  EXPECT_THAT(read.error().message, HasSubstr("set KUBECONFIG"));
}

TEST(Base64, RoundTripsAndRefusesRubbish) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(base64_decode(base64_encode(text)), text);
  }
  EXPECT_EQ(base64_encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64_decode("Zm9v\nYmFy"), "foobar");
  for (const auto* bad : {"Zg", "Z===", "Zg=a", "****", "Zm9vY"}) EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
}

TEST_F(KubeconfigTest, AContextIsChosenByName) {
  ASSERT_TRUE(
      write_file(path,
                 "current-context: a\n"
                 "contexts: [{name: a, context: {cluster: k, user: u}},"
                 " {name: b, context: {cluster: l, user: u, namespace: web}}]\n"
                 "clusters: [{name: k, cluster: {server: 'https://k'}}, {name: l, cluster: {server: 'https://l'}}]\n"
                 "users: [{name: u, user: {token: t}}]\n"));
  EXPECT_EQ(find_kubeconfig(path.string())->server, "https://k");
  const auto other = find_kubeconfig(path.string(), "b");
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(other->server, "https://l");
  EXPECT_EQ(other->ns, "web");
  EXPECT_EQ(contexts_of(path.string()).value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_THAT(find_kubeconfig(path.string(), "c").error().message,
              HasSubstr("there is no context \"c\"; the contexts are a, b"));
}

/// $KUBECONFIG as long as it lives.
class KubeconfigVariable {
 public:
  explicit KubeconfigVariable(const std::string& value) { ::setenv("KUBECONFIG", value.c_str(), 1); }
  ~KubeconfigVariable() {
    if (before_.empty())
      ::unsetenv("KUBECONFIG");
    else
      ::setenv("KUBECONFIG", before_.c_str(), 1);
  }
  KubeconfigVariable(const KubeconfigVariable&) = delete;
  KubeconfigVariable& operator=(const KubeconfigVariable&) = delete;

 private:
  std::string before_ = std::getenv("KUBECONFIG") == nullptr ? "" : std::getenv("KUBECONFIG");
};

TEST_F(KubeconfigTest, OfSeveralFilesTheFirstThatNamesSomethingCounts) {
  const auto below = directory.path() / "below";
  ASSERT_TRUE(make_directory(below));
  ASSERT_TRUE(write_file(path, "current-context: c\nusers: [{name: u, user: {token: first}}]\n"));
  ASSERT_TRUE(write_file(below / "ca.crt", pem));
  ASSERT_TRUE(write_file(below / "config", file("server: https://h, certificate-authority: ca.crt", "token: second")));
  const KubeconfigVariable variable{"/absent:" + path.string() + ":" + (below / "config").string()};
  const auto read = find_kubeconfig({});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->server, "https://h");
  EXPECT_EQ(read->token, "first");
  EXPECT_EQ(read->ca_pem, pem);
}

TEST_F(KubeconfigTest, ThatAllFilesAreMissingIsSaid) {
  const KubeconfigVariable variable{"/absent:/gone"};
  EXPECT_THAT(find_kubeconfig({}).error().message, HasSubstr("none of the files that KUBECONFIG names is there"));
}

}  // namespace
}  // namespace godwit::kube
