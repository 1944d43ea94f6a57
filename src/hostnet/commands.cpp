#include "hostnet/commands.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace godwit::hostnet {
namespace {

constexpr std::chrono::seconds patience{20};

std::string path_of(std::string_view name) {
  std::string path{name};
  std::replace(path.begin(), path.end(), '.', '/');
  return "/proc/sys/" + path;
}

}  // namespace

Result<std::string> ip(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ip");
  return run_checked({.argv = std::move(arguments)}, Deadline::after(patience));
}

Result<> ip_batch(const std::vector<std::string>& lines) {
  auto done = run_checked({.argv = {"ip", "-batch", "-"}}, Deadline::after(patience), join(lines, "\n") + "\n");
  if (!done) return fail(done.error());
  return {};
}

Result<> set_sysctl(std::string_view name, std::string_view value) {
  const UniqueFd fd{::open(path_of(name).c_str(), O_WRONLY | O_CLOEXEC)};
  if (!fd || ::write(fd.get(), value.data(), value.size()) < 0) return fail_errno("sysctl " + std::string{name});
  return {};
}

Result<std::string> get_sysctl(std::string_view name) {
  auto text = read_file(path_of(name));
  if (!text) return text;
  return std::string{trim(*text)};
}

int index_of(const std::string& device) { return static_cast<int>(::if_nametoindex(device.c_str())); }

}  // namespace godwit::hostnet
