#include "base/random.hpp"

#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace godwit {
namespace {

void fill(unsigned char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::getrandom(data, size, 0);
    if (n <= 0) std::abort();  // the kernel's random source cannot fail once it is up
    data += n;
    size -= static_cast<std::size_t>(n);
  }
}

std::string pick(std::size_t length, std::string_view alphabet) {
  std::vector<unsigned char> bytes(length);
  fill(bytes.data(), bytes.size());
  std::string text;
  for (const unsigned char byte : bytes) text += alphabet[byte % alphabet.size()];
  return text;
}

}  // namespace

std::string random_uuid() {
  std::array<unsigned char, 16> b{};
  fill(b.data(), b.size());
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", b[i]);
  }
  return text;
}

std::string random_suffix(std::size_t length) { return pick(length, "bcdfghjklmnpqrstvwxz2456789"); }
std::string random_token(std::size_t length) { return pick(length, "0123456789abcdef"); }

}  // namespace godwit
