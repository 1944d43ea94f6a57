#include "cli/cli.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

/// What the command line gave.
struct Words {
  std::string kubeconfig;
  std::string ns;
  std::string name;
  std::string node;
  std::filesystem::path file;
  bool watch = false;
  bool force = false;
};

using Action = std::function<Result<>(const Session&)>;

CLI::App* add_verb(CLI::App& app, const char* name, const char* help, Words& words) {
  CLI::App* verb = app.add_subcommand(name, help);
  verb->add_option("--kubeconfig", words.kubeconfig,
                   "how to reach the cluster (default: $KUBECONFIG, then ~/.kube/config)");
  verb->add_option("-n,--namespace", words.ns, "of the machine");
  return verb;
}

}  // namespace

std::string verbs_help() {
  return "  migrate          moves a running machine to another node: migrate NAME [--to NODE] [--watch]\n"
         "  migrate-cancel   cancels a machine's migration\n"
         "  start, stop      starts or stops a machine\n"
         "  console          a machine's serial console; Ctrl-] leaves\n"
         "  image            images to clone disks from: import NAME FILE, ls, rm NAME\n"
         "  version          this program's version\n";
}

int run(int argc, char** argv) {
  CLI::App app{"Moves running virtual machines between hosts.", "godwit"};
  app.require_subcommand(1);
  Words words;
  Action action;
  CLI::App* migrate_verb = add_verb(app, "migrate", "moves a running machine to another node", words);
  migrate_verb->add_option("name", words.name, "of the machine")->required();
  migrate_verb->add_option("--to", words.node, "the node to move to (default: the scheduler chooses)");
  migrate_verb->add_flag("--watch", words.watch, "follows the migration; fails unless it succeeds");
  migrate_verb->callback(
      [&] { action = [&](const Session& s) { return migrate(s, words.name, words.node, words.watch); }; });
  CLI::App* cancel_verb = add_verb(app, "migrate-cancel", "cancels a machine's migration", words);
  cancel_verb->add_option("name", words.name, "of the machine")->required();
  cancel_verb->callback([&] { action = [&](const Session& s) { return migrate_cancel(s, words.name); }; });
  for (const char* name : {"start", "stop"}) {
    CLI::App* verb = add_verb(app, name, "starts or stops a machine", words);
    verb->add_option("name", words.name, "of the machine")->required();
    verb->callback([&, name] { action = [&, name](const Session& s) { return start_or_stop(s, words.name, name); }; });
  }
  CLI::App* console_verb = add_verb(app, "console", "a machine's serial console; Ctrl-] leaves", words);
  console_verb->add_option("name", words.name, "of the machine")->required();
  console_verb->callback([&] { action = [&](const Session& s) { return console(s, words.name); }; });
  CLI::App* image_verb = app.add_subcommand("image", "images to clone disks from");
  image_verb->require_subcommand(1);
  CLI::App* import_verb =
      add_verb(*image_verb, "import", "takes a disk image (raw, qcow2, …) into the image store", words);
  import_verb->add_option("name", words.name, "one or two parts, such as debian or godwit/tiny")->required();
  import_verb->add_option("file", words.file, "the disk image")->required();
  import_verb->add_flag("--force", words.force, "replaces an image of that name");
  import_verb->callback(
      [&] { action = [&](const Session& s) { return image_import(s, words.name, words.file, words.force); }; });
  add_verb(*image_verb, "ls", "lists the images", words)->callback([&] {
    action = [](const Session& s) { return image_list(s); };
  });
  CLI::App* remove_verb = add_verb(*image_verb, "rm", "removes an image", words);
  remove_verb->add_option("name", words.name, "of the image")->required();
  remove_verb->callback([&] { action = [&](const Session& s) { return image_remove(s, words.name); }; });
  app.add_subcommand("version", "this program's version")->callback([] { fmt::print("godwit 0.1.0\n"); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    const int status = app.exit(wrong);
    return status == 0 ? 0 : 2;
  }
  if (!action) return 0;
  const auto session = connect(words.kubeconfig, words.ns);
  const Result<> done = session ? action(*session) : Result<>{fail(session.error())};
  if (done) return 0;
  fmt::print(stderr, "godwit: {}\n", done.error().message);
  return 1;
}

}  // namespace godwit::cli
