#include "cli/cli.hpp"

#include <functional>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

/// What the command line asks for, once it is parsed.
struct Task {
  GlobalOptions global;
  std::string what;  ///< "migrate vm1"
  std::function<Result<>(const GlobalOptions&)> run;
};

void add_global_options(CLI::App& app, GlobalOptions& global) {
  app.add_option("--kubeconfig", global.kubeconfig, "the kubeconfig file; else $KUBECONFIG, else ~/.kube/config");
  app.add_option("-n,--namespace", global.ns, "the namespace; else the kubeconfig's");
}

/// Has the verb run `action` with a session when the command line names it; `name` is read only then.
void on_call(CLI::App& verb, Task& task, std::string what, std::shared_ptr<std::string> name,
             std::function<Result<>(const Session&)> action) {
  add_global_options(verb, task.global);
  verb.callback([&task, what = std::move(what), name = std::move(name), action = std::move(action)] {
    task.what = name ? what + " " + *name : what;
    task.run = [action](const GlobalOptions& options) -> Result<> {
      const auto session = open_session(options);
      if (!session) return fail(session.error());
      return action(*session);
    };
  });
}

void add_named(CLI::App& verb, Task& task, Result<> (*action)(const Session&, const std::string&)) {
  auto name = std::make_shared<std::string>();
  verb.add_option("NAME", *name, "the virtual machine")->required();
  on_call(verb, task, verb.get_name(), name, [name, action](const Session& session) { return action(session, *name); });
}

void add_migrate(CLI::App& verb, Task& task) {
  auto options = std::make_shared<MigrateOptions>();
  const std::shared_ptr<std::string> name{options, &options->name};
  verb.add_option("NAME", options->name, "the virtual machine")->required();
  verb.add_option("--to", options->to, "the node to move it to; without it the scheduler chooses");
  verb.add_flag("-w,--watch", options->watch, "stay and show the progress; exit status 0 only if it has moved");
  on_call(verb, task, "migrate", name, [options](const Session& session) { return migrate(session, *options); });
}

void add_console(CLI::App& verb, Task& task) {
  verb.footer(
      "On a terminal, Ctrl-] leaves. With input from a pipe or file it ends when the input has been sent\n"
      "and the guest has been quiet for three seconds. The console follows a guest that migrates.");
  add_named(verb, task, console);
}

void add_image(CLI::App& image, Task& task) {
  image.require_subcommand(1);
  auto options = std::make_shared<ImportOptions>();
  const std::shared_ptr<std::string> name{options, &options->name};
  CLI::App* import = image.add_subcommand("import", "makes an image of a disk file (raw or qcow2)");
  import->add_option("NAME", options->name, "one or two parts, such as debian or godwit/tiny")->required();
  import->add_option("FILE", options->file, "the disk file")->required();
  import->add_flag("--force", options->force, "replace an image of that name");
  on_call(*import, task, "image import", name,
          [options](const Session& session) { return image_import(session, *options); });
  on_call(*image.add_subcommand("ls", "lists the images"), task, "image ls", nullptr, image_ls);
  auto removed = std::make_shared<std::string>();
  CLI::App* rm = image.add_subcommand("rm", "removes an image; disks made of it stay");
  rm->add_option("NAME", *removed, "the image")->required();
  on_call(*rm, task, "image rm", removed, [removed](const Session& session) { return image_rm(session, *removed); });
}

void add_start(CLI::App& verb, Task& task) { add_named(verb, task, start); }
void add_stop(CLI::App& verb, Task& task) { add_named(verb, task, stop); }
void add_migrate_cancel(CLI::App& verb, Task& task) { add_named(verb, task, migrate_cancel); }
void add_version(CLI::App& verb, Task& task) {
  add_global_options(verb, task.global);
  verb.callback([&task] {
    task.what = "version";
    task.run = version;
  });
}

struct Verb {
  const char* name;
  const char* help;
  void (*add)(CLI::App& verb, Task& task);
};

constexpr Verb verbs[] = {
    {"migrate", "moves a running machine to another node", add_migrate},
    {"migrate-cancel", "cancels a machine's migration; it goes on where it is", add_migrate_cancel},
    {"start", "starts a machine", add_start},
    {"stop", "shuts a machine down", add_stop},
    {"console", "connects to a machine's serial console", add_console},
    {"image", "disk images that volumes are cloned from: import, ls, rm", add_image},
    {"version", "tells the version of this program and of the server", add_version},
};

/// The verb as far as the command line names one, for hints.
std::string help_command(int argc, char** argv) {
  for (const Verb& verb : verbs) {
    if (argc > 1 && std::string_view{verb.name} == argv[1]) return std::string{"godwit "} + verb.name + " --help";
  }
  return "godwit --help";
}

int usage_error(std::string_view why, int argc, char** argv) {
  fmt::print(stderr, "godwit: {}; see `{}`\n", why, help_command(argc, argv));
  return 2;
}

}  // namespace

std::string verbs_help() {
  std::string text;
  for (const Verb& verb : verbs) text += fmt::format("  {:<16} {}\n", verb.name, verb.help);
  return text;
}

int run(int argc, char** argv) {
  CLI::App app{"Godwit moves running virtual machines between hosts.", "godwit"};
  app.require_subcommand(1);
  Task task;
  add_global_options(app, task.global);
  for (const Verb& verb : verbs) verb.add(*app.add_subcommand(verb.name, verb.help), task);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& wrong) {
    const bool known = help_command(argc, argv) != "godwit --help";
    if (argc > 1 && argv[1][0] != '-' && !known) {
      return usage_error(fmt::format("there is no command \"{}\"", argv[1]), argc, argv);
    }
    return usage_error(wrong.what(), argc, argv);
  }
  const auto done = task.run(task.global);
  if (done) return 0;
  fmt::print(stderr, "godwit: {}: {}\n", task.what, advise(done.error()).message);
  return 1;
}

}  // namespace godwit::cli
