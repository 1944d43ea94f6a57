// The program's command line as it is started by people and by its own parts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/process.hpp"

namespace godwit {
namespace {

using testing::HasSubstr;
using testing::Not;

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    std::error_code ignored;
    program_ = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() / "godwit";
    if (!std::filesystem::exists(program_)) GTEST_SKIP() << program_ << " is not built here (sanitizers)";
  }

  Output run(std::vector<std::string> words) const {
    words.insert(words.begin(), program_.string());
    auto output = run_program({.argv = words, .extra_environment = {{"KUBECONFIG", "/absent"}}},
                              Deadline::after(std::chrono::seconds{60}));
    EXPECT_TRUE(output) << output.error().message;
    return output ? *output : Output{};
  }

  std::filesystem::path program_;
};

TEST_F(ProgramTest, TheAgentsTunnelUnderstandsItsWords) {
  const Output none = run({"tunnel"});
  EXPECT_EQ(none.exit.status, 1);
  EXPECT_THAT(none.err, HasSubstr("godwit tunnel listen"));
  const Output listens = run({"tunnel", "listen", "--no-such-option"});
  EXPECT_THAT(listens.err, Not(HasSubstr("godwit tunnel listen …")));
  EXPECT_NE(listens.exit.status, 0);
}

TEST_F(ProgramTest, EveryPartHasHelp) {
  for (const char* part : {"local", "server", "node", "trial", "migrate", "image"}) {
    const Output help = run({part, "--help"});
    EXPECT_EQ(help.exit.status, 0) << part;
    EXPECT_THAT(help.out, HasSubstr(std::string{"Usage: godwit "} + part));
  }
  EXPECT_EQ(run({"node"}).exit.status, 2);
  EXPECT_EQ(run({"local", "fly"}).exit.status, 2);
  EXPECT_THAT(run({"local", "--help"}).out, Not(HasSubstr("supervise")));
}

}  // namespace
}  // namespace godwit
