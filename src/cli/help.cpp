#include "cli/help.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/command.hpp"

namespace godwit::cli {
namespace {

constexpr std::size_t line_width = 100;

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// "  term   text", the text broken at words and kept in its column.
std::string entry(const std::string& term, std::size_t column, const std::string& text) {
  std::string out = "  " + term + std::string(column > width_of(term) ? column - width_of(term) : 1, ' ');
  std::size_t at = 2 + std::max(column, width_of(term) + 1);
  bool first = true;
  for (const std::string& word : split(text, ' ')) {
    if (!first && at + 1 + width_of(word) > line_width) {
      out += "\n" + std::string(column + 2, ' ');
      at = column + 2;
    } else if (!first) {
      out += " ";
      ++at;
    }
    out += word;
    at += width_of(word);
    first = false;
  }
  return out + "\n";
}

struct Row {
  std::string term;
  std::string text;
};

std::string section(const std::string& heading, const std::vector<Row>& rows) {
  if (rows.empty()) return {};
  std::size_t column = 0;
  for (const Row& row : rows) column = std::max(column, width_of(row.term) + 2);
  std::string out = "\n" + heading + ":\n";
  for (const Row& row : rows) out += entry(row.term, column, row.text);
  return out;
}

/// "-n, --namespace NAMESPACE"; without a short name the long one stands in its column.
std::string term_of(const CLI::Option& option) {
  std::string term = option.get_snames().empty() ? "    " : "-" + option.get_snames().front();
  if (!option.get_lnames().empty()) {
    if (!option.get_snames().empty()) term += ", ";
    term += "--" + option.get_lnames().front();
  }
  const std::string value = value_of(option);
  return value.empty() ? term : term + " " + value;
}

std::string command_sections(const CLI::App& app) {
  const auto rows_of = [&](std::string_view group) {
    std::vector<Row> rows;
    for (const CLI::App* command : visible_commands(app)) {
      if (group.empty() || command->get_group() == group)
        rows.push_back({command->get_name(), command->get_description()});
    }
    return rows;
  };
  if (app.get_parent() != nullptr) return section("Commands", rows_of({}));
  std::string out;
  for (const char* group : groups::in_order) out += section(group, rows_of(group));
  return out;
}

/// What is the command's own comes first, what many have last.
int rank_of(std::string_view heading) { return heading == groups::connection ? 2 : heading == groups::output ? 1 : 0; }

std::string option_sections(const CLI::App& app) {
  std::string out;
  for (int rank = 0; rank <= 2; ++rank) {
    std::vector<std::string> done;
    for (const CLI::Option* first : visible_options(app)) {
      const std::string heading = first->get_group();
      if (rank_of(heading) != rank || std::find(done.begin(), done.end(), heading) != done.end()) continue;
      done.push_back(heading);
      std::vector<Row> rows;
      for (const CLI::Option* option : visible_options(app)) {
        if (option->get_group() == heading) rows.push_back({term_of(*option), meaning_of(*option)});
      }
      out += section(heading, rows);
    }
  }
  return out;
}

}  // namespace

std::vector<const CLI::App*> visible_commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); });
}

std::vector<const CLI::Option*> visible_options(const CLI::App& app) {
  return app.get_options(
      [](const CLI::Option* option) { return option->nonpositional() && !option->get_group().empty(); });
}

std::vector<const CLI::Option*> arguments(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

const CLI::App* child(const CLI::App& app, std::string_view name) {
  const auto found = app.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

std::string path_of(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : path_of(*app.get_parent()) + " " + app.get_name();
}

std::string usage_of(const CLI::App& app) {
  std::string usage = path_of(app);
  if (!visible_commands(app).empty()) usage += app.get_require_subcommand_min() > 0 ? " COMMAND" : " [COMMAND]";
  for (const CLI::Option* argument : arguments(app)) {
    const std::string name = argument->get_name(true) + (argument->get_items_expected_max() > 1 ? "…" : "");
    usage += argument->get_required() ? " " + name : " [" + name + "]";
  }
  return usage + " [OPTIONS]";
}

std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  if (open == std::string::npos || !type.ends_with('}')) return {};
  return split(type.substr(open + 1, type.size() - open - 2), ',');
}

std::string value_of(const CLI::Option& option) {
  if (option.get_type_size() == 0) return {};
  if (const auto choices = choices_of(option); !choices.empty()) return join(choices, "|");
  const std::string type = option.get_type_name();
  return type == "INT" || type == "UINT" ? "NUMBER" : type;
}

std::string meaning_of(const CLI::Option& option) {
  std::string text = option.get_description();
  if (const std::string value = option.get_default_str(); !value.empty() && value != "\"\"") {
    std::string bare = value;
    std::erase(bare, '"');
    text += " (default: " + bare + ")";
  }
  return text;
}

std::string help_of(const CLI::App& app) {
  std::string out = app.get_description();
  if (app.get_parent() != nullptr && !out.empty()) {
    out.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(out.front())));
    out += ".";
  }
  out += "\n\nUsage: " + usage_of(app) + "\n" + command_sections(app);
  std::vector<Row> rows;
  for (const CLI::Option* argument : arguments(app)) rows.push_back({argument->get_name(true), meaning_of(*argument)});
  out += section("Arguments", rows) + option_sections(app);
  if (const std::string footer = app.get_footer(); !footer.empty()) out += "\n" + footer + "\n";
  if (!visible_commands(app).empty()) out += fmt::format("\n`{} COMMAND --help` tells more of each.\n", path_of(app));
  return out;
}

}  // namespace godwit::cli
