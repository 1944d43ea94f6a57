#include "power.hpp"

#include <fcntl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace godwit::guest {
namespace {

void crash_the_kernel() {
  const int fd = ::open("/proc/sysrq-trigger", O_WRONLY);
  if (fd >= 0 && ::write(fd, "c", 1) == 1) ::pause();
}

}  // namespace

std::string power(std::string_view how) {
  if (how != "off" && how != "reboot" && how != "panic") return "error usage: power off | reboot | panic";
  std::thread{[how = std::string{how}] {
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    if (how == "panic") return crash_the_kernel();
    ::sync();
    ::reboot(how == "off" ? RB_POWER_OFF : RB_AUTOBOOT);
  }}.detach();
  return "ok";
}

}  // namespace godwit::guest
