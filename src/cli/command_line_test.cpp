// The command line as a whole: exit statuses, help, completion, the manual page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "base/files.hpp"
#include "base/process.hpp"
#include "cli/cli.hpp"
#include "cli/complete.hpp"
#include "cli/help.hpp"
#include "cli/manual.hpp"

namespace godwit::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

int run_words(std::vector<std::string> words) {
  words.insert(words.begin(), "godwit");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return run(static_cast<int>(argv.size()), argv.data(), {});
}

class CommandLine : public testing::Test {
 protected:
  std::string help(std::string_view name) const { return help_of(*child(*tree_, name)); }

  Invocation invocation_;
  std::unique_ptr<CLI::App> tree_ = make_tree({}, invocation_);
};

TEST_F(CommandLine, TellsWrongUseFromFailure) {
  EXPECT_EQ(run_words({}), 2);
  EXPECT_EQ(run_words({"migrate"}), 2);
  EXPECT_EQ(run_words({"fly", "vm1"}), 2);
  EXPECT_EQ(run_words({"image"}), 2);
  EXPECT_EQ(run_words({"start", "vm1", "vm2"}), 2);
  EXPECT_EQ(run_words({"image", "ls", "-o", "xml"}), 2);
  EXPECT_EQ(run_words({"start", "vm1", "--kubeconfig", "/absent"}), 1);
  EXPECT_EQ(run_words({"-n", "x", "start", "vm1", "--kubeconfig", "/absent"}), 1);
  EXPECT_EQ(run_words({"image", "ls", "--kubeconfig", "/absent"}), 1);
  EXPECT_EQ(run_words({"migrate", "--help"}), 0);
  EXPECT_EQ(run_words({"help", "image"}), 0);
  EXPECT_EQ(run_words({"--version"}), 0);
}

TEST_F(CommandLine, ExitStatusesTellTheKindsOfErrors) {
  EXPECT_EQ(status_of({Code::conflict, ""}), 1);
  EXPECT_EQ(status_of({Code::not_found, ""}), 3);
  EXPECT_EQ(status_of({Code::forbidden, ""}), 4);
  EXPECT_EQ(status_of({Code::unauthorized, ""}), 4);
  EXPECT_EQ(status_of({Code::unavailable, ""}), 5);
  EXPECT_EQ(status_of({Code::timeout, ""}), 5);
}

TEST_F(CommandLine, HelpGroupsCommands) {
  const std::string all = help_of(*tree_);
  EXPECT_LT(all.find("Use machines:"), all.find("  start "));
  EXPECT_LT(all.find("  start "), all.find("Move them:"));
  EXPECT_LT(all.find("Move them:"), all.find("  migrate "));
}

TEST_F(CommandLine, EachCommandTellsWhatItIsForAndHow) {
  for (const CLI::App* command : visible_commands(*tree_)) {
    EXPECT_FALSE(command->get_description().empty()) << command->get_name();
    const std::string text = help_of(*command);
    EXPECT_THAT(text, HasSubstr("Usage: godwit " + command->get_name()));
    if (visible_commands(*command).empty()) EXPECT_THAT(text, HasSubstr("Example")) << command->get_name();
  }
  EXPECT_THAT(help("migrate"), HasSubstr("--to NODE"));
  EXPECT_THAT(help("migrate"), HasSubstr("(default: the scheduler chooses)"));
  EXPECT_THAT(help("migrate"), HasSubstr("table|json|yaml"));
}

TEST_F(CommandLine, CompletesCommandsOptionsAndChoices) {
  EXPECT_EQ(complete(*tree_, {"migr"}), "migrate\nmigrate-cancel\n");
  EXPECT_EQ(complete(*tree_, {"image", ""}), "import\nls\nrm\n");
  EXPECT_EQ(complete(*tree_, {"migrate", "--t"}), "--to\n");
  EXPECT_EQ(complete(*tree_, {"image", "ls", "-o", ""}), "table\njson\nyaml\n");
  EXPECT_EQ(complete(*tree_, {"image", "ls", "--output", "=", "j"}), "json\n");
  EXPECT_EQ(complete(*tree_, {"image", "import", "x", ""}), ":files\n");
  EXPECT_EQ(complete(*tree_, {"version", "--kubeconfig", ""}), ":files\n");
}

TEST_F(CommandLine, CompletesContextsOfTheKubeconfigThatIsNamed) {
  const auto directory = TemporaryDirectory::create("godwit-completion").value();
  const std::string file = (directory.path() / "config").string();
  ASSERT_TRUE(write_file(file, "contexts: [{name: home, context: {}}, {name: work, context: {}}]\n"));
  EXPECT_EQ(complete(*tree_, {"start", "--kubeconfig", file, "--context", ""}), "home\nwork\n");
  EXPECT_EQ(complete(*tree_, {"start", "--kubeconfig=" + file, "--context", "w"}), "work\n");
}

TEST_F(CommandLine, ValuesOfOptionsAreNoCommands) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_words({"--kubeconfig", "/absent", "fly"}), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("there is no command \"fly\""));
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_words({"-n", "x", "image", "ls", "more"}), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("`godwit image ls --help`"));
}

TEST_F(CommandLine, CompletionOfNamesIsQuietWithoutAServer) {
  EXPECT_EQ(complete(*tree_, {"start", "--kubeconfig", "/absent", ""}), "");
}

TEST_F(CommandLine, TheScriptIsBash) {
  const auto checked = run_program({.argv = {"bash", "-n"}}, Deadline::after(std::chrono::seconds{20}), bash_script());
  ASSERT_TRUE(checked);
  EXPECT_TRUE(checked->exit.ok()) << checked->err;
}

TEST_F(CommandLine, TheManualRendersWithoutWarnings) {
  const std::string page = manual_of(*tree_);
  const auto directory = TemporaryDirectory::create("godwit-manual").value();
  const std::string file = (directory.path() / "godwit.1").string();
  ASSERT_TRUE(write_file(file, page));
  const auto shown = run_program({.argv = {"man", "--warnings", "-E", "UTF-8", "-l", file},
                                  .extra_environment = {{"MANWIDTH", "80"}, {"MANPAGER", "cat"}}},
                                 Deadline::after(std::chrono::seconds{60}));
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_EQ(shown->err, "");
  EXPECT_THAT(shown->out, HasSubstr("migrate VMI [OPTIONS]"));
  EXPECT_THAT(shown->out, HasSubstr("EXIT STATUS"));
  EXPECT_THAT(shown->out, Not(HasSubstr("\\-")));
}

}  // namespace
}  // namespace godwit::cli
