// What an operator sees of a guest that lives and moves: logs of its pods, answers of the program, descriptions.
#include <gmock/gmock.h>

#include <fmt/format.h>

#include <thread>

#include "base/process.hpp"
#include "e2e/cluster_fixture.hpp"

namespace godwit {
namespace {

using namespace kube::resources;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class OperatorTest : public GuestTest {
 protected:
  Output run(std::vector<std::string> argv) const {
    auto output = run_program({.argv = std::move(argv), .extra_environment = {{"KUBECONFIG", cluster().kubeconfig()}}},
                              Deadline::after(std::chrono::seconds{120}));
    EXPECT_TRUE(output) << output.error().message;
    return output ? *output : Output{};
  }
  Output godwit(std::vector<std::string> words) const {
    std::error_code ignored;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    words.insert(words.begin(), (self.parent_path().parent_path() / "godwit").string());
    return run(std::move(words));
  }
  Output kubectl(std::vector<std::string> words) const {
    words.insert(words.begin(), "kubectl");
    return run(std::move(words));
  }
  /// The guest's launcher pod on that node.
  std::string pod_on(const std::string& node_name) const {
    const auto all = client().list(
        pods, "default",
        {.label_selector = "vm.kubevirt.io/name=" + name_, .field_selector = "spec.nodeName=" + node_name});
    EXPECT_TRUE(all && all->items.size() == 1);
    return all && !all->items.empty() ? kube::key_of(all->items.front()).name : std::string{};
  }
};

TEST_F(OperatorTest, LogsAndAnswersFollowAGuestThatMoves) {
  boot("seen");
  const std::string source = node();
  const std::string first = pod_on(source);
  EXPECT_THAT(kubectl({"logs", first}).out, ContainsRegex("starting QEMU.*\nthe guest runs, as process [0-9]+\n"));
  Output followed;
  std::jthread follower{[&] { followed = kubectl({"logs", "-f", first}); }};

  const Output moved = godwit({"migrate", name_, "--watch", "-o", "json"});
  ASSERT_TRUE(moved.exit.ok()) << moved.err;
  const auto answer = json::parse(moved.out);
  ASSERT_TRUE(answer) << moved.out;
  EXPECT_EQ(json::string_at(*answer, "/sourceNode"), source);
  EXPECT_EQ(json::string_at(*answer, "/phase"), "Succeeded");
  EXPECT_GT(json::int_at(*answer, "/result/totalMs"), 0);
  const std::string target = json::string_at(*answer, "/targetNode");

  follower.join();  // it ends with the guest's life there
  EXPECT_THAT(followed.out, HasSubstr("ended here as source: the guest has moved"));
  EXPECT_THAT(kubectl({"logs", first, "--tail=1", "--timestamps"}).out, ContainsRegex("^20[0-9-]+T[0-9:.]+Z .+\n$"));
  EXPECT_THAT(kubectl({"logs", pod_on(target)}).out, HasSubstr("ended here as target: the guest runs here"));
  EXPECT_THAT(kubectl({"get", "vmim", "-o", "wide"}).out, ContainsRegex("Succeeded +seen +" + source + " +" + target));
  const std::string described = kubectl({"describe", "pod", first}).out;
  EXPECT_THAT(described, Not(HasSubstr("0001")));
  EXPECT_THAT(described, HasSubstr("qemu://"));
}

TEST_F(OperatorTest, StatusOfTheClusterIsReadByPrograms) {
  const Output told = godwit({"local", "status", "--dir", cluster().directory.string(), "-o", "json"});
  ASSERT_TRUE(told.exit.ok()) << told.err;
  const auto status = json::parse(told.out);
  ASSERT_TRUE(status);
  EXPECT_EQ(json::string_at(*status, "/state"), "up");
  EXPECT_EQ(json::array_at(*status, "/nodes").size(), cluster().nodes.size());
  EXPECT_EQ(json::string_at(*status, "/nodes/0/state"), "Ready");
  EXPECT_EQ(godwit({"console", "nobody"}).exit.status, 3);
}

}  // namespace
}  // namespace godwit
