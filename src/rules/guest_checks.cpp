#include "rules/guest_checks.hpp"

namespace godwit::rules {

std::map<std::string, std::size_t> check_names(Findings& f, std::string_view pointer, std::string_view path) {
  std::map<std::string, std::size_t> names;
  const auto& list = json::array_at(f.spec, pointer);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto name = json::string_at(list[i], "/name");
    const auto here = fmt::format("{}[{}]", path, i);
    if (name.empty()) {
      f.required(here + ".name", fmt::format("{}.name is missing", f.at(here)));
      continue;
    }
    const auto [first, fresh] = names.emplace(name, i);
    if (!fresh) {
      f.invalid(here, fmt::format("{}[{}] and {} must not have the same Name.", f.at(path), first->second, f.at(here)));
    }
  }
  return names;
}

void check_pairs(Findings& f, const std::map<std::string, std::size_t>& names, std::string_view path,
                 const std::map<std::string, std::size_t>& others, std::string_view where) {
  for (const auto& [name, index] : names) {
    if (others.contains(name)) continue;
    const auto here = fmt::format("{}[{}].name", path, index);
    f.invalid(here, fmt::format("{}: '{}' not found in {}", f.at(here), name, where));
  }
}

}  // namespace godwit::rules
