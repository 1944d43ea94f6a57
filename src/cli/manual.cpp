#include "cli/manual.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/help.hpp"
#include "cli/verbs.hpp"

namespace godwit::cli {
namespace {

/// Text that the formatter takes as it is: no escapes, no control lines.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  std::string lines;
  for (const std::string& line : split(out, '\n')) {
    if (!lines.empty()) lines += "\n";
    lines += line.starts_with('.') || line.starts_with('\'') ? "\\&" + line : line;
  }
  return lines;
}

/// "Em NODE" and the like take each word for an argument: one quoted string stays one.
std::string as_one(std::string_view text) {
  std::string out;
  for (const char c : plain(text)) {
    if (c == '"')
      out += "\\(dq";
    else
      out += c;
  }
  return "\"" + out + "\"";
}

std::string option_entry(const CLI::Option& option) {
  std::string names;
  for (const std::string& name : option.get_snames()) names += "\\-" + name + ", ";
  for (const std::string& name : option.get_lnames()) names += "\\-\\-" + plain(name) + ", ";
  if (names.ends_with(", ")) names.resize(names.size() - 2);
  std::string entry = ".It Sy \"" + names + "\"";
  if (const std::string value = value_of(option); !value.empty()) entry += " Ar " + as_one(value);
  return entry + "\n" + plain(meaning_of(option)) + "\n";
}

bool is_shared(const CLI::Option& option) {
  return option.get_group() == groups::connection || option.get_group() == groups::output || option.check_lname("help");
}

std::string footer_of(const CLI::App& app) {
  const std::string footer = app.get_footer();
  return footer.empty() ? footer : ".Bd -literal\n" + plain(footer) + "\n.Ed\n";
}

/// A command with what is special about it, and those below it.
std::string command_entry(const CLI::App& app) {
  std::string description = app.get_description();
  if (!description.empty())
    description.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(description.front())));
  std::string out =
      ".It Ic " + as_one(usage_of(app).substr(std::string_view{"godwit "}.size())) + "\n" + plain(description) + ".\n";
  std::string entries;
  for (const CLI::Option* argument : arguments(app)) {
    if (argument->get_description().empty()) continue;
    entries += ".It Ar " + as_one(argument->get_name(true)) + "\n" + plain(meaning_of(*argument)) + "\n";
  }
  for (const CLI::Option* option : visible_options(app)) {
    if (!is_shared(*option)) entries += option_entry(*option);
  }
  if (!entries.empty()) out += ".Bl -tag -width Ds -compact\n" + entries + ".El\n";
  out += footer_of(app);
  for (const CLI::App* below : visible_commands(app)) out += command_entry(*below);
  return out;
}

std::string commands_section(const CLI::App& tree) {
  std::string out = ".Sh COMMANDS\n";
  for (const char* group : groups::in_order) {
    out += fmt::format(".Ss {}\n.Bl -tag -width Ds\n", group);
    for (const CLI::App* command : visible_commands(tree)) {
      if (command->get_group() == group) out += command_entry(*command);
    }
    out += ".El\n";
  }
  return out;
}

/// What most commands have is told once.
std::string shared_options_section(const CLI::App& tree) {
  std::string out = ".Sh OPTIONS\nMost commands that speak to the API server have these:\n.Bl -tag -width Ds\n";
  const CLI::App* migrate = child(tree, "migrate");
  for (const CLI::Option* option : visible_options(*migrate)) {
    if (is_shared(*option)) out += option_entry(*option);
  }
  return out + ".El\n";
}

constexpr std::string_view fixed_sections = R"(.Sh EXIT STATUS
.Bl -tag -width Ds
.It 0
Done.
.It 1
It failed; standard error says why.
.It 2
The command line is wrong.
.It 3
What was named does not exist, or does not run.
.It 4
The user of the kubeconfig may not do this.
.It 5
The API server, or a node that is needed, cannot be reached or does not answer in time.
.El
.Pp
.Ic local exec
ends with the status of its command.
.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev KUBECONFIG
Kubeconfig files, with colons between them.
Of each context, cluster and user the first one counts; files that are missing do not.
.El
.Sh FILES
.Bl -tag -width Ds
.It Pa ~/.kube/config
The kubeconfig when neither
.Fl \-kubeconfig
nor
.Ev KUBECONFIG
is given.
.It Pa /var/lib/godwit/server
Database, certificate authority and the administrator's kubeconfig of
.Ic godwit server .
.It Pa /var/lib/godwit/local
The local cluster: its kubeconfig, disks and logs.
.It Pa /usr/share/bash\-completion/completions/godwit
Where
.Ic godwit completion bash
is looked for by bash.
.El
.Sh EXAMPLES
A cluster of three nodes on this machine, a machine moved from one to another, and all gone again:
.Bd -literal -offset indent
godwit local up \-\-nodes 3
export KUBECONFIG=/var/lib/godwit/local/kubeconfig
kubectl apply \-f vm1.yaml
kubectl wait vmi/vm1 \-\-for=condition=Ready
godwit migrate vm1 \-\-to node\-2 \-\-watch
godwit local down \-\-purge
.Ed
.Pp
What a program wants to know:
.Bd -literal -offset indent
godwit migrate vm1 \-\-watch \-o json
godwit image ls \-o yaml
.Ed
.Sh SEE ALSO
.Xr kubectl 1 ,
.Xr qemu\-system\-x86_64 1
)";

}  // namespace

std::string manual_of(const CLI::App& tree) {
  std::string out = fmt::format(
      ".Dd December 1, 2026\n.Dt GODWIT 1\n.Os \"Godwit {}\"\n.Sh NAME\n.Nm godwit\n.Nd moves running virtual machines "
      "between hosts\n.Sh SYNOPSIS\n.Nm\n.Ar COMMAND\n.Op Ar ARGUMENTS\n.Op Ar OPTIONS\n.Nm\n.Op Ar COMMAND\n"
      ".Sy \\-\\-help\n",
      program_version);
  out +=
      ".Sh DESCRIPTION\n"
      "Godwit runs virtual machines with QEMU on a cluster of hosts and moves them between hosts without stopping "
      "them.\n"
      "It is driven through KubeVirt's API: machines are written as VirtualMachine manifests and applied with\n"
      ".Xr kubectl 1 .\n"
      "The commands below are what kubectl has no word for, and the parts of the cluster itself.\n";
  out += shared_options_section(tree) + commands_section(tree);
  out += fixed_sections;
  return out;
}

void define_manual(CLI::App& verb, Invocation& invocation) {
  verb.footer(
      "Examples:\n"
      "  godwit manual | man -l -\n"
      "  godwit manual > /usr/local/share/man/man1/godwit.1");
  verb.callback([&invocation, &verb] {
    invocation.action = [&verb] {
      fmt::print("{}", manual_of(*verb.get_parent()));
      return 0;
    };
  });
}

}  // namespace godwit::cli
