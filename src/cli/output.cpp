#include "cli/output.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "json/yaml.hpp"

namespace godwit::cli {

void print_answer(Format format, std::string_view text, const json::Value& value) {
  switch (format) {
    case Format::table: fmt::print("{}", text); break;
    case Format::json: fmt::print("{}\n", json::write_pretty(value)); break;
    case Format::yaml: fmt::print("{}", json::write_yaml(value)); break;
  }
  std::fflush(stdout);
}

void add_output_option(CLI::App& app, Format& format) {
  const auto set = [&format](const std::string& word) {
    format = word == "json" ? Format::json : word == "yaml" ? Format::yaml : Format::table;
  };
  app.add_option_function<std::string>("-o,--output", set, "the form of the answer (default: table, for people)")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->group(groups::output);
}

}  // namespace godwit::cli
