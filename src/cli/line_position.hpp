// Where a command line stands after some of its words: which command, what it has got, what an option still wants.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "cli/session.hpp"

namespace godwit::cli {

struct LinePosition {
  const CLI::App* command = nullptr;
  std::size_t arguments_given = 0;
  const CLI::Option* pending = nullptr;  ///< an option that waits for its value
  std::string first_argument;            ///< the first word that is neither command, option nor value
  GlobalOptions global;                  ///< as far as the words tell

  /// Goes on by a word. Never fails: what is wrong is left out.
  void take(const std::string& word);
};

}  // namespace godwit::cli
