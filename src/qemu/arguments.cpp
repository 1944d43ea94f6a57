#include "qemu/arguments.hpp"

#include <fmt/format.h>

#include "qemu/pci_ledger.hpp"

namespace godwit::qemu {

std::string escape_commas(const std::filesystem::path& path) {
  std::string text;
  for (const char c : path.string()) text.append(c == ',' ? 2 : 1, c);
  return text;
}

std::string socket_chardev(std::string_view id, const std::filesystem::path& path) {
  return fmt::format("socket,id={},path={},server=on,wait=off", id, escape_commas(path));
}

std::string pci::address(std::size_t slot) { return fmt::format("0x{:x}", slot); }

}  // namespace godwit::qemu
