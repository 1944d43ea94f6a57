#include "cli/complete.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/help.hpp"
#include "cli/line_position.hpp"
#include "cli/session.hpp"

namespace godwit::cli {
namespace {

using namespace kube::resources;

/// Field `pointer` of each object of a kind; none when the API cannot be asked.
std::vector<std::string> names_of(const GlobalOptions& global, const kube::Resource& resource,
                                  const std::optional<std::string>& ns, const char* pointer = "/metadata/name") {
  std::vector<std::string> names;
  const auto session = open_session(global);
  if (!session) return names;
  http::Request request;
  request.path = kube::path_of(resource, resource.namespaced ? ns.value_or(session->ns) : std::string{});
  const auto answer = session->client.transport().send(request, Deadline::after(std::chrono::seconds{2}));
  if (!answer || answer->status != 200) return names;
  const auto list = json::parse(answer->body);
  if (!list) return names;
  for (const json::Value& object : json::array_at(*list, "/items")) names.push_back(json::string_at(object, pointer));
  return names;
}

std::vector<std::string> values_of(const CLI::Option& option, const GlobalOptions& global) {
  if (auto choices = choices_of(option); !choices.empty()) return choices;
  const std::string type = option.get_type_name();
  if (type == "VM") return names_of(global, virtual_machines, {});
  if (type == "VMI") return names_of(global, virtual_machine_instances, {});
  if (type == "NODE") return names_of(global, nodes, {});
  if (type == "NAMESPACE") return names_of(global, namespaces, {});
  if (type == "IMAGE") return names_of(global, config_maps, "godwit-images", "/data/name");
  if (type == "CONTEXT") return kube::contexts_of(global.kubeconfig).value_or(std::vector<std::string>{});
  if (type == "FILE" || type == "DIR") return {":files"};
  return {};
}

/// What may stand at the position.
std::vector<std::string> candidates(const LinePosition& at, const std::string& current) {
  if (at.pending != nullptr) return values_of(*at.pending, at.global);
  std::vector<std::string> words;
  if (current.starts_with('-')) {
    for (const CLI::Option* option : visible_options(*at.command)) {
      for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    }
    return words;
  }
  for (const CLI::App* command : visible_commands(*at.command)) words.push_back(command->get_name());
  const auto wanted = arguments(*at.command);
  if (at.arguments_given < wanted.size()) {
    for (std::string& value : values_of(*wanted[at.arguments_given], at.global)) words.push_back(std::move(value));
  }
  return words;
}

}  // namespace

std::string complete(const CLI::App& tree, const std::vector<std::string>& words) {
  LinePosition at;
  at.command = &tree;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) at.take(words[i]);
  std::string current = words.empty() ? std::string{} : words.back();
  if (current == "=") current.clear();
  std::string lines;
  for (const std::string& word : candidates(at, current)) {
    if (word == ":files" || word.starts_with(current)) lines += word + "\n";
  }
  return lines;
}

std::string bash_script() {
  return R"script(# bash completion for godwit. Made by `godwit completion bash`.
_godwit() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = :files ]; then
      compopt -o default
    else
      COMPREPLY+=("$line")
    fi
  done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _godwit godwit
)script";
}

}  // namespace godwit::cli
