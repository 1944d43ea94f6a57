#include "base/data_format.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"

namespace godwit {

Result<> check_format(std::int64_t found, std::int64_t known) {
  if (found <= known) return {};
  return fail(Code::invalid,
              fmt::format("was written by a newer version of Godwit (format {}, this one knows {}); run that version, "
                          "or start with another data directory",
                          found, known));
}

Result<> claim_format(const std::filesystem::path& directory, std::int64_t known) {
  const auto file = directory / "format";
  const auto text = read_file(file);
  if (!text && text.error().code != Code::not_found) return fail(text.error());
  if (text) {
    const auto found = parse_number<std::int64_t>(trim(*text));
    if (!found) return fail(Code::invalid, file.string() + " holds no number");
    if (auto fine = check_format(*found, known); !fine) return fail(fine.error().within(directory.string()));
    if (*found == known) return {};
  }
  return write_file(file, std::to_string(known) + "\n");
}

}  // namespace godwit
