// How verbs answer: text for people, or one JSON or YAML value with the same content for programs.
#pragma once

#include <cstdint>
#include <string_view>

#include "json/value.hpp"

namespace CLI {
class App;
}

namespace godwit::cli {

enum class Format : std::uint8_t { table, json, yaml };

/// `text` as it is (its line ends included), or `value` in the format that was asked for.
void print_answer(Format format, std::string_view text, const json::Value& value);
/// -o, --output.
void add_output_option(CLI::App& app, Format& format);

}  // namespace godwit::cli
