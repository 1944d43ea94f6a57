#include "qemu/kvm_probe.hpp"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace godwit::qemu {
namespace {

constexpr std::uint32_t rounds = 200'000;
constexpr double slowest_ratio = 20;  // interpretation costs hundreds; virtualisation a few, for the reloads of CR3
constexpr std::chrono::seconds patience{3};

constexpr std::size_t memory_size = 2U << 20U;
constexpr std::uint64_t pml4_at = 0x1000;
constexpr std::uint64_t pdpt_at = 0x2000;
constexpr std::uint64_t directory_at = 0x3000;
constexpr std::uint64_t code_at = 0x8000;
constexpr std::uint64_t scratch_at = 0x10000;

// Kernel-like work: arithmetic, memory, and a reload of CR3 in every 256th round; then HLT.
//   mov ecx, rounds; mov ebx, scratch
//   again: add rax, rcx; mov [rbx], rax; add rax, [rbx]; test cl, cl; jnz skip; mov rdx, cr3; mov cr3, rdx
//   skip: dec ecx; jnz again; hlt
constexpr std::uint8_t guest_code[] = {
    0xb9,
    rounds & 0xff,
    (rounds >> 8) & 0xff,
    (rounds >> 16) & 0xff,
    (rounds >> 24) & 0xff,  // mov ecx
    0xbb,
    0x00,
    0x00,
    0x01,
    0x00,  // mov ebx, 0x10000
    0x48,
    0x01,
    0xc8,  // add rax, rcx
    0x48,
    0x89,
    0x03,  // mov [rbx], rax
    0x48,
    0x03,
    0x03,  // add rax, [rbx]
    0x84,
    0xc9,  // test cl, cl
    0x75,
    0x06,  // jnz +6
    0x0f,
    0x20,
    0xda,  // mov rdx, cr3
    0x0f,
    0x22,
    0xda,  // mov cr3, rdx
    0xff,
    0xc9,  // dec ecx
    0x75,
    0xe9,  // jnz again
    0xf4,  // hlt
};

/// The same arithmetic on the bare processor, in nanoseconds.
std::int64_t bare_nanoseconds() {
  const auto begun = std::chrono::steady_clock::now();
  volatile std::uint64_t cell = 0;
  std::uint64_t sum = 0;
  for (std::uint32_t i = rounds; i > 0; --i) {
    sum += i;
    cell = sum;
    sum += cell;
  }
  return (std::chrono::steady_clock::now() - begun).count();
}

void build_page_tables(std::uint8_t* memory) {
  const auto entry = [&](std::uint64_t at, std::uint64_t value) { std::memcpy(memory + at, &value, sizeof value); };
  entry(pml4_at, pdpt_at | 3);
  entry(pdpt_at, directory_at | 3);
  entry(directory_at, 0x83);  // the first 2 MiB, one large page
}

void enter_long_mode(kvm_sregs& s) {
  s.cr3 = pml4_at;
  s.cr4 = 1U << 5U;                               // PAE
  s.cr0 = (1U << 31U) | (1U << 16U) | 1U | 0x10;  // paging, write protection, protection
  s.efer = (1U << 10U) | (1U << 8U);              // long mode, active
  kvm_segment code{};
  code.limit = 0xffffffff;
  code.selector = 8;
  code.type = 11;
  code.present = 1;
  code.s = 1;
  code.l = 1;
  code.g = 1;
  kvm_segment data = code;
  data.selector = 16;
  data.type = 3;
  data.l = 0;
  data.db = 1;
  s.cs = code;
  s.ds = s.es = s.fs = s.gs = s.ss = data;
}

/// In the child: the guest's time in nanoseconds, or nothing when KVM refuses.
std::optional<std::int64_t> run_guest() {
  const UniqueFd kvm{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
  const UniqueFd vm{kvm ? ::ioctl(kvm.get(), KVM_CREATE_VM, 0) : -1};
  const UniqueFd cpu{vm ? ::ioctl(vm.get(), KVM_CREATE_VCPU, 0) : -1};
  if (!cpu) return std::nullopt;
  void* raw = ::mmap(nullptr, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const int run_size = ::ioctl(kvm.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (raw == MAP_FAILED || run_size <= 0) return std::nullopt;
  void* shared = ::mmap(nullptr, static_cast<std::size_t>(run_size), PROT_READ | PROT_WRITE, MAP_SHARED, cpu.get(), 0);
  if (shared == MAP_FAILED) return std::nullopt;
  auto* memory = static_cast<std::uint8_t*>(raw);
  build_page_tables(memory);
  std::memcpy(memory + code_at, guest_code, sizeof guest_code);
  kvm_userspace_memory_region region{};
  region.memory_size = memory_size;
  region.userspace_addr = reinterpret_cast<std::uint64_t>(memory);
  kvm_sregs special{};
  kvm_regs registers{};
  registers.rip = code_at;
  registers.rsp = scratch_at;
  registers.rflags = 2;
  if (::ioctl(vm.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0 || ::ioctl(cpu.get(), KVM_GET_SREGS, &special) != 0)
    return std::nullopt;
  enter_long_mode(special);
  if (::ioctl(cpu.get(), KVM_SET_SREGS, &special) != 0 || ::ioctl(cpu.get(), KVM_SET_REGS, &registers) != 0)
    return std::nullopt;
  const auto begun = std::chrono::steady_clock::now();
  if (::ioctl(cpu.get(), KVM_RUN, 0) != 0) return std::nullopt;
  const auto taken = (std::chrono::steady_clock::now() - begun).count();
  if (static_cast<const kvm_run*>(shared)->exit_reason != KVM_EXIT_HLT) return std::nullopt;
  return taken;
}

/// Nothing: refused. Negative: did not finish in time.
std::optional<std::int64_t> run_guest_in_child() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const UniqueFd read_end{ends[0]};
  UniqueFd write_end{ends[1]};
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) {
    const auto taken = run_guest();
    const std::int64_t value = taken.value_or(0);
    const ssize_t written = ::write(write_end.get(), &value, sizeof value);
    ::_exit(written == sizeof value ? 0 : 1);
  }
  write_end.reset();
  pollfd p{read_end.get(), POLLIN, 0};
  const bool answered = ::poll(&p, 1, Deadline::after(patience).poll_timeout()) > 0;
  std::int64_t value = -1;
  if (answered && ::read(read_end.get(), &value, sizeof value) != sizeof value) value = 0;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (value == 0) return std::nullopt;
  return value;
}

}  // namespace

KvmVerdict probe_kvm() {
  if (::access("/dev/kvm", R_OK | W_OK) != 0) return {.fast = false, .reason = "there is no usable /dev/kvm"};
  const std::int64_t bare = std::max<std::int64_t>(bare_nanoseconds(), 1);
  const auto guest = run_guest_in_child();
  if (!guest) return {.fast = false, .reason = "/dev/kvm does not run a 64-bit guest"};
  if (*guest < 0) {
    return {.fast = false, .reason = fmt::format("a micro-guest under KVM did not finish in {} s", patience.count())};
  }
  const double ratio = static_cast<double>(*guest) / static_cast<double>(bare);
  const std::string figures =
      fmt::format("a micro-guest takes {:.1f} times as long under KVM as on the bare processor", ratio);
  return {.fast = ratio <= slowest_ratio, .reason = figures};
}

}  // namespace godwit::qemu
