// The user's verbs as words of the command line.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/complete.hpp"
#include "cli/manual.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

/// Has the verb run `action` with a session when the command line names it; `name` is read only then.
void on_call(CLI::App& verb, Invocation& invocation, std::string what, std::shared_ptr<std::string> name,
             std::function<Result<>(const Session&)> action) {
  add_connection_options(verb, invocation.global);
  verb.callback([&invocation, what = std::move(what), name = std::move(name), action = std::move(action)] {
    invocation.action = [&invocation, action, what = name ? what + " " + *name : what] {
      const auto session = open_session(invocation.global);
      if (!session) return complain(what, session.error());
      const auto done = action(*session);
      return done ? 0 : complain(what, advise(*session, done.error()));
    };
  });
}

using NamedVerb = Result<> (*)(const Session&, const std::string&);

/// A verb that names one machine; `kind` is VM, or VMI for one that must run.
void add_named(CLI::App& verb, Invocation& invocation, const char* kind, NamedVerb action) {
  auto name = std::make_shared<std::string>();
  verb.add_option(kind, *name, "the virtual machine")->required()->type_name(kind);
  on_call(verb, invocation, verb.get_name(), name,
          [name, action](const Session& session) { return action(session, *name); });
}

using PowerVerb = Result<> (*)(const Session&, const PowerOptions&);

std::shared_ptr<PowerOptions> add_power(CLI::App& verb, Invocation& invocation, PowerVerb action) {
  auto options = std::make_shared<PowerOptions>();
  const std::shared_ptr<std::string> name{options, &options->name};
  verb.add_option("VM", options->name, "the virtual machine")->required()->type_name("VM");
  add_output_option(verb, invocation.global.format);
  on_call(verb, invocation, verb.get_name(), name,
          [options, action](const Session& session) { return action(session, *options); });
  return options;
}

void add_force(CLI::App& verb, PowerOptions& options) {
  verb.add_flag("--force", options.force, "do not wait for the guest; needs --grace-period");
  verb.add_option("--grace-period", options.grace, "seconds that the guest is given to shut down; needs --force")
      ->type_name("SECONDS");
}

void define_start(CLI::App& verb, Invocation& invocation) {
  verb.footer("Examples:\n  godwit start vm1 -n web\n  godwit start vm1 --paused   # `godwit unpause vm1` lets it run");
  const auto options = add_power(verb, invocation, start);
  verb.add_flag("--paused", options->paused, "the guest waits before its first instruction");
}

void define_stop(CLI::App& verb, Invocation& invocation) {
  verb.footer(
      "The guest is asked to shut down, and ended after its grace period.\n\n"
      "Examples:\n  godwit stop vm1\n  godwit stop vm1 --force --grace-period 0   # pulls the plug");
  const auto options = add_power(verb, invocation, stop);
  add_force(verb, *options);
}

void define_restart(CLI::App& verb, Invocation& invocation) {
  verb.footer(
      "The guest is asked to shut down; a new one is started from the machine's present manifest.\n\n"
      "Examples:\n  godwit restart vm1\n  godwit restart vm1 --force --grace-period 0");
  const auto options = add_power(verb, invocation, restart);
  add_force(verb, *options);
}

void add_kind_and_name(CLI::App& verb, Invocation& invocation,
                       Result<> (*action)(const Session&, const std::vector<std::string>&)) {
  auto what = std::make_shared<std::vector<std::string>>();
  verb.add_option("VMI", *what, "the virtual machine; `vm` or `vmi` may stand before it")
      ->required()
      ->expected(1, 2)
      ->type_name("VMI");
  add_output_option(verb, invocation.global.format);
  on_call(verb, invocation, verb.get_name(), nullptr,
          [what, action](const Session& session) { return action(session, *what); });
}

void define_pause(CLI::App& verb, Invocation& invocation) {
  verb.footer(
      "Its memory stays; it can be migrated, and stays paused then.\n\n"
      "Examples:\n  godwit pause vm1\n  godwit pause vm vm1   # as virtctl has it");
  add_kind_and_name(verb, invocation, pause);
}

void define_unpause(CLI::App& verb, Invocation& invocation) {
  verb.footer("Examples:\n  godwit unpause vm1\n  godwit unpause vm vm1");
  add_kind_and_name(verb, invocation, unpause);
}

void define_soft_reboot(CLI::App& verb, Invocation& invocation) {
  verb.footer("The guest is asked to reboot; its QEMU stays.\n\nExample:\n  godwit soft-reboot vm1");
  add_output_option(verb, invocation.global.format);
  add_named(verb, invocation, "VMI", soft_reboot);
}

void define_reset(CLI::App& verb, Invocation& invocation) {
  verb.footer("The reset button: the guest isn't asked.\n\nExample:\n  godwit reset vm1");
  add_output_option(verb, invocation.global.format);
  add_named(verb, invocation, "VMI", reset);
}

void define_console(CLI::App& verb, Invocation& invocation) {
  verb.footer(
      "On a terminal, Ctrl-] leaves. With input from a pipe or file it ends when the input has been sent\n"
      "and the guest has been quiet for three seconds. The console follows a guest that migrates.\n\n"
      "Examples:\n"
      "  godwit console vm1\n"
      "  echo 'uname -a' | godwit console vm1");
  add_named(verb, invocation, "VMI", console);
}

void define_vnc(CLI::App& verb, Invocation& invocation) {
  auto options = std::make_shared<VncOptions>();
  const std::shared_ptr<std::string> name{options, &options->name};
  verb.add_option("VMI", options->name, "the virtual machine")->required()->type_name("VMI");
  verb.add_flag("--proxy-only", options->proxy_only, "print a local address for your own viewer, and open none");
  verb.add_option("--port", options->port, "of the local address (default: any free one)")->type_name("PORT");
  add_output_option(verb, invocation.global.format);
  verb.footer(
      "Opens remote-viewer, TigerVNC's or GTK's viewer, whichever is installed. A viewer connects again after the\n"
      "guest has moved.\n\n"
      "Examples:\n"
      "  godwit vnc vm1\n"
      "  godwit vnc vm1 --proxy-only --port 5901   # then: vncviewer 127.0.0.1::5901");
  on_call(verb, invocation, "vnc", name, [options](const Session& session) { return vnc(session, *options); });
}

void define_migrate(CLI::App& verb, Invocation& invocation) {
  auto options = std::make_shared<MigrateOptions>();
  const std::shared_ptr<std::string> name{options, &options->name};
  verb.add_option("VMI", options->name, "the virtual machine")->required()->type_name("VMI");
  verb.add_option("--to", options->to, "the node to move it to (default: the scheduler chooses)")->type_name("NODE");
  verb.add_flag("-w,--watch", options->watch, "stay and show the progress; exit status 0 only if it has moved");
  add_output_option(verb, invocation.global.format);
  verb.footer(
      "Examples:\n"
      "  godwit migrate vm1                       # asks for it and returns\n"
      "  godwit migrate vm1 --to node-2 --watch   # shows the progress, then the figures\n"
      "  godwit migrate vm1 --watch -o json       # the figures for a program");
  on_call(verb, invocation, "migrate", name, [options](const Session& session) { return migrate(session, *options); });
}

void define_migrate_cancel(CLI::App& verb, Invocation& invocation) {
  verb.footer("Example:\n  godwit migrate-cancel vm1");
  add_output_option(verb, invocation.global.format);
  add_named(verb, invocation, "VMI", migrate_cancel);
}

void define_image(CLI::App& image, Invocation& invocation) {
  image.require_subcommand(1);
  auto options = std::make_shared<ImportOptions>();
  const std::shared_ptr<std::string> name{options, &options->name};
  CLI::App* import = image.add_subcommand("import", "makes an image of a disk file (raw or qcow2)");
  import->add_option("IMAGE", options->name, "its name: one or two parts, such as debian or godwit/tiny")
      ->required()
      ->type_name("IMAGE");
  import->add_option("FILE", options->file, "the disk file")->required()->type_name("FILE");
  import->add_flag("--force", options->force, "replace an image of that name");
  import->footer(
      "Run it where the directory that all nodes share is mounted.\n\n"
      "Example:\n"
      "  godwit image import debian debian-12-nocloud-amd64.qcow2");
  add_output_option(*import, invocation.global.format);
  on_call(*import, invocation, "image import", name,
          [options](const Session& session) { return image_import(session, *options); });
  CLI::App* ls = image.add_subcommand("ls", "lists the images");
  ls->footer("Examples:\n  godwit image ls\n  godwit image ls -o json");
  add_output_option(*ls, invocation.global.format);
  on_call(*ls, invocation, "image ls", nullptr, image_ls);
  auto removed = std::make_shared<std::string>();
  CLI::App* rm = image.add_subcommand("rm", "removes an image; disks made of it stay");
  rm->add_option("IMAGE", *removed, "the image")->required()->type_name("IMAGE");
  rm->footer("Example:\n  godwit image rm debian");
  add_output_option(*rm, invocation.global.format);
  on_call(*rm, invocation, "image rm", removed,
          [removed](const Session& session) { return image_rm(session, *removed); });
}

void define_version(CLI::App& verb, Invocation& invocation) {
  verb.footer("Examples:\n  godwit version\n  godwit version -o json");
  add_connection_options(verb, invocation.global);
  add_output_option(verb, invocation.global.format);
  verb.callback([&invocation] {
    invocation.action = [&invocation] {
      const auto told = version(invocation.global);
      return told ? 0 : complain("version", told.error());
    };
  });
}

void define_completion(CLI::App& verb, Invocation& invocation) {
  verb.require_subcommand(1);
  CLI::App* bash = verb.add_subcommand("bash", "for bash");
  bash->footer(
      "Commands, options, and the names of machines, nodes, images and namespaces, which the API is asked for.\n\n"
      "Examples:\n"
      "  source <(godwit completion bash)          # in this shell\n"
      "  godwit completion bash > /usr/share/bash-completion/completions/godwit       # for everybody\n"
      "  godwit completion bash > ~/.local/share/bash-completion/completions/godwit   # for you");
  bash->callback([&invocation] {
    invocation.action = [] {
      fmt::print("{}", bash_script());
      return 0;
    };
  });
}

constexpr Command table[] = {
    {"start", groups::machines, "starts a machine", define_start},
    {"stop", groups::machines, "shuts a machine down", define_stop},
    {"restart", groups::machines, "shuts a machine down and starts it anew", define_restart},
    {"pause", groups::machines, "makes a machine stand still", define_pause},
    {"unpause", groups::machines, "lets a paused machine go on", define_unpause},
    {"soft-reboot", groups::machines, "asks a machine to reboot", define_soft_reboot},
    {"reset", groups::machines, "presses a machine's reset button", define_reset},
    {"console", groups::machines, "connects to a machine's serial console", define_console},
    {"vnc", groups::machines, "opens a machine's screen", define_vnc},
    {"migrate", groups::moving, "moves a running machine to another node", define_migrate},
    {"migrate-cancel", groups::moving, "cancels a machine's migration; it goes on where it is", define_migrate_cancel},
    {"image", groups::images, "disk images that volumes are cloned from: import, ls, rm", define_image},
    {"completion", groups::rest, "prints a script that completes commands and names in a shell", define_completion},
    {"manual", groups::rest, "prints the manual page godwit(1), for man", define_manual},
    {"version", groups::rest, "tells the version of this program and of the server", define_version},
};

}  // namespace

std::span<const Command> verbs() { return table; }

}  // namespace godwit::cli
