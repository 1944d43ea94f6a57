// Help as people read it: one line a command under headings; arguments, options with their defaults, examples.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace godwit::cli {

/// What is shown, in order; what belongs to the group "" is hidden.
[[nodiscard]] std::vector<const CLI::App*> visible_commands(const CLI::App& app);
[[nodiscard]] std::vector<const CLI::Option*> visible_options(const CLI::App& app);
[[nodiscard]] std::vector<const CLI::Option*> arguments(const CLI::App& app);
/// The command of that name below this one; null when there is none.
[[nodiscard]] const CLI::App* child(const CLI::App& app, std::string_view name);

/// "godwit image import".
[[nodiscard]] std::string path_of(const CLI::App& app);
/// "godwit image import [OPTIONS] NAME FILE".
[[nodiscard]] std::string usage_of(const CLI::App& app);
/// "NODE", "kvm|tcg"; "" for a flag.
[[nodiscard]] std::string value_of(const CLI::Option& option);
/// The words that an option takes, when it takes no others.
[[nodiscard]] std::vector<std::string> choices_of(const CLI::Option& option);
/// What the option is for, and its default.
[[nodiscard]] std::string meaning_of(const CLI::Option& option);

[[nodiscard]] std::string help_of(const CLI::App& app);

class HelpFormatter final : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override { return help_of(*app); }
};

}  // namespace godwit::cli
