// `godwit local` as its users call it: clusters beside each other, the speed of links, and what `down` leaves: nothing.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "local/cluster.hpp"

namespace godwit {
namespace {

using std::chrono::seconds;

std::string program() {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (self.parent_path().parent_path() / "godwit").string();
}

Output godwit_local(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {program(), "local"});
  auto done = run_program({.argv = std::move(arguments)}, Deadline::after(seconds{180}));
  if (!done) return {.exit = {.status = 1}, .out = {}, .err = done.error().message};
  return std::move(*done);
}

/// What a cluster changes on the machine, a line each.
std::set<std::string> traces_of_clusters() {
  std::set<std::string> traces;
  for (const std::vector<std::string>& argv : {std::vector<std::string>{"ip", "-br", "link"},
                                               {"ip", "netns", "list"},
                                               {"ip", "route", "show", "table", "all"},
                                               {"nft", "list", "tables"},
                                               {"sysctl", "net.ipv4.ip_forward"},
                                               {"findmnt", "-rno", "TARGET"}}) {
    const auto shown = run_program({.argv = argv}, Deadline::after(seconds{30}));
    EXPECT_TRUE(shown) << argv[0];
    if (!shown) continue;
    for (const std::string& line : split(shown->out, '\n')) traces.insert(line);
  }
  return traces;
}

class LocalCluster : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can make a cluster";
    directory_ = std::make_unique<TemporaryDirectory>(std::move(*TemporaryDirectory::create("godwit-local")));
    // QEMU runs as a user of its own and must be able to enter.
    std::filesystem::permissions(directory_->path(), std::filesystem::perms{0755});
  }
  void TearDown() override {
    for (const std::string& name : made_) (void)godwit_local({"down", "--dir", path(name), "--purge"});
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (directory_->path() / name).string(); }
  Output up(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"up", "--nodes", "2", "--dir", path(name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return godwit_local(std::move(arguments));
  }

  std::unique_ptr<TemporaryDirectory> directory_;
  std::vector<std::string> made_;
};

TEST_F(LocalCluster, ThreeStartedAtTheSameInstantDoNotDisturbEachOtherAndLeaveNothing) {
  const auto before = traces_of_clusters();
  made_ = {"a", "b"};
  std::vector<std::future<Output>> starting;
  // The third is the first one's directory again: it finds that cluster, or waits until it is up.
  for (const char* name : {"a", "b", "a"})
    starting.push_back(std::async(std::launch::async, [=, this] { return up(name); }));
  for (auto& each : starting) {
    const Output done = each.get();
    EXPECT_TRUE(done.exit.ok()) << done.out << done.err;
  }
  const auto a = local::load_cluster(path("a"));
  const auto b = local::load_cluster(path("b"));
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->pod_cidr, b->pod_cidr);
  EXPECT_NE(a->underlay_prefix, b->underlay_prefix);

  EXPECT_TRUE(godwit_local({"down", "--dir", path("a"), "--purge"}).exit.ok());
  EXPECT_FALSE(std::filesystem::exists(path("a")));
  const Output status = godwit_local({"status", "--dir", path("b")});
  EXPECT_NE(status.out.find("Ready"), std::string::npos) << status.out << status.err;
  EXPECT_TRUE(godwit_local({"down", "--dir", path("b"), "--purge"}).exit.ok());
  EXPECT_EQ(traces_of_clusters(), before);
}

/// A socket made in a node's network, by a thread that enters it for that.
UniqueFd socket_in(const local::LocalNode& node) {
  UniqueFd made;
  std::thread{[&] {
    const UniqueFd ns{::open(("/run/netns/" + node.ns).c_str(), O_RDONLY | O_CLOEXEC)};
    if (::setns(ns.get(), CLONE_NEWNET) == 0) made.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }}.join();
  return made;
}

/// How long it takes to bring so many bytes from one node to another.
std::chrono::duration<double> time_to_send(const local::LocalNode& from, const local::LocalNode& to,
                                           std::size_t bytes) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(7001);
  ::inet_pton(AF_INET, to.address.c_str(), &address.sin_addr);
  const UniqueFd listener = socket_in(to);
  const UniqueFd sender = socket_in(from);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(::bind(listener.get(), generic, sizeof address), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::connect(sender.get(), generic, sizeof address), 0);
  const UniqueFd receiver{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  const auto begun = std::chrono::steady_clock::now();
  const std::jthread sending{[&] {
    const std::vector<char> block(64 * 1024, 'x');
    for (std::size_t sent = 0; sent < bytes;) {
      const auto n = ::send(sender.get(), block.data(), std::min(block.size(), bytes - sent), MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    ::shutdown(sender.get(), SHUT_WR);
  }};
  std::vector<char> block(64 * 1024);
  std::size_t received = 0;
  for (ssize_t n = 0; (n = ::recv(receiver.get(), block.data(), block.size(), 0)) > 0;)
    received += static_cast<std::size_t>(n);
  EXPECT_EQ(received, bytes);
  return std::chrono::steady_clock::now() - begun;
}

TEST_F(LocalCluster, LinksAreAsSlowAsAsked) {
  made_ = {"slow"};
  const Output done = up("slow", {"--link-rate", "40mbit"});
  ASSERT_TRUE(done.exit.ok()) << done.out << done.err;
  const auto cluster = local::load_cluster(path("slow"));
  ASSERT_TRUE(cluster);
  // 4 MiB at 40 Mbit/s are 0.84 s; the shaper lets a burst of 256 kB through at once. Unlimited it takes milliseconds.
  EXPECT_GT(time_to_send(cluster->nodes[0], cluster->nodes[1], 4U << 20U).count(), 0.6);
}

TEST_F(LocalCluster, ADirectoryThatQemuCannotEnterIsRefusedAtOnce) {
  std::filesystem::permissions(directory_->path(), std::filesystem::perms{0700});
  made_ = {"closed"};
  const Output done = up("closed");
  EXPECT_FALSE(done.exit.ok());
  EXPECT_NE(done.err.find("chmod o+x " + directory_->path().string()), std::string::npos) << done.err;
}

TEST_F(LocalCluster, AWrongLinkRateIsNamedAndLeavesNothing) {
  const auto before = traces_of_clusters();
  made_ = {"wrong"};
  const Output done = up("wrong", {"--link-rate", "fast"});
  EXPECT_FALSE(done.exit.ok());
  EXPECT_NE(done.err.find("--link-rate fast"), std::string::npos) << done.err;
  EXPECT_EQ(traces_of_clusters(), before);
}

}  // namespace
}  // namespace godwit
