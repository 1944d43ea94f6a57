#include "cli/line_position.hpp"

#include "cli/help.hpp"

namespace godwit::cli {
namespace {

const CLI::Option* option_named(const CLI::App& app, const std::string& word) {
  for (const CLI::Option* option : visible_options(app)) {
    if (option->check_name(word)) return option;
  }
  return nullptr;
}

void take_value(GlobalOptions& global, const CLI::Option& option, const std::string& value) {
  if (option.check_lname("kubeconfig")) global.kubeconfig = value;
  if (option.check_lname("context")) global.context = value;
  if (option.check_lname("namespace")) global.ns = value;
}

}  // namespace

void LinePosition::take(const std::string& word) {
  if (pending != nullptr) {
    if (word == "=") return;  // bash makes a word of it
    take_value(global, *pending, word);
    pending = nullptr;
  } else if (word.starts_with('-')) {
    const std::size_t equals = word.find('=');
    const CLI::Option* option = option_named(*command, word.substr(0, equals));
    if (option == nullptr || option->get_type_size() == 0) return;
    if (equals == std::string::npos)
      pending = option;
    else
      take_value(global, *option, word.substr(equals + 1));
  } else if (const CLI::App* next = arguments_given == 0 ? child(*command, word) : nullptr) {
    command = next;
  } else {
    if (first_argument.empty()) first_argument = word;
    ++arguments_given;
  }
}

}  // namespace godwit::cli
