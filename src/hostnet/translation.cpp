#include "hostnet/translation.hpp"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/process.hpp"
#include "base/unique_fd.hpp"
#include "hostnet/commands.hpp"

namespace godwit::hostnet {
namespace {

// <linux/bpf.h> of Linux 6.6; older headers lack them.
constexpr std::uint32_t tcx_ingress = 46;
constexpr std::uint32_t tcx_egress = 47;
constexpr int tcx_next = -1;

// Offsets in an Ethernet frame that carries IPv4.
constexpr std::int16_t ip_header = 14;
constexpr int fragment_offset = ip_header + 6;
constexpr int protocol_offset = ip_header + 9;
constexpr int ip_checksum_offset = ip_header + 10;
constexpr int source_offset = ip_header + 12;
constexpr int destination_offset = ip_header + 16;

/// Writes BPF instructions; jumps go forward to labels that are placed later.
class Assembler {
 public:
  void move(int to, int from) { emit(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
  void set(int to, std::int32_t value) { emit(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value); }
  void set32(int to, std::uint32_t value) {
    emit(BPF_ALU | BPF_MOV | BPF_K, to, 0, 0, static_cast<std::int32_t>(value));
  }
  void add(int to, std::int32_t value) { emit(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value); }
  void bit_and(int to, std::int32_t value) { emit(BPF_ALU64 | BPF_AND | BPF_K, to, 0, 0, value); }
  void shift_left(int to, std::int32_t value) { emit(BPF_ALU64 | BPF_LSH | BPF_K, to, 0, 0, value); }
  void load(int size, int to, int base, std::int16_t offset) { emit(BPF_LDX | size | BPF_MEM, to, base, offset, 0); }
  void store32(int base, std::int16_t offset, std::uint32_t value) {
    emit(BPF_ST | BPF_W | BPF_MEM, base, 0, offset, static_cast<std::int32_t>(value));
  }
  void call(int function) { emit(BPF_JMP | BPF_CALL, 0, 0, 0, function); }
  void leave(int verdict) {
    set(BPF_REG_0, verdict);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  }
  /// Jumps to the end when the low 32 bits of the register differ from the value.
  void end_unless_equal(int reg, std::uint32_t value) {
    to_end_.push_back(code_.size());
    emit(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0, static_cast<std::int32_t>(value));
  }
  void end_if_not_zero(int reg) {
    to_end_.push_back(code_.size());
    emit(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0, 0);
  }
  /// Returns the place of a jump that is aimed later.
  [[nodiscard]] std::size_t jump_unless_equal(int reg, std::int32_t value) {
    emit(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0, value);
    return code_.size() - 1;
  }
  [[nodiscard]] std::size_t jump_if_not_zero(int reg) { return jump_unless_equal(reg, 0); }
  [[nodiscard]] std::size_t jump() {
    emit(BPF_JMP | BPF_JA, 0, 0, 0, 0);
    return code_.size() - 1;
  }
  void aim_here(std::size_t jump) { code_[jump].off = static_cast<std::int16_t>(code_.size() - jump - 1); }
  void end_here() {
    for (const std::size_t jump : to_end_) aim_here(jump);
  }
  [[nodiscard]] const std::vector<bpf_insn>& code() const { return code_; }

 private:
  void emit(int opcode, int to, int from, std::int16_t offset, std::int32_t immediate) {
    bpf_insn instruction{};
    instruction.code = static_cast<std::uint8_t>(opcode);
    instruction.dst_reg = static_cast<std::uint8_t>(to & 15);
    instruction.src_reg = static_cast<std::uint8_t>(from & 15);
    instruction.off = offset;
    instruction.imm = immediate;
    code_.push_back(instruction);
  }
  std::vector<bpf_insn> code_;
  std::vector<std::size_t> to_end_;
};

constexpr std::int16_t scratch = -8;   ///< on the stack: what was loaded
constexpr std::int16_t renewed = -16;  ///< on the stack: the new address

/// R0 = bpf_skb_load_bytes(skb, offset, stack + scratch, size); frames that are too short go to the end.
void load_bytes(Assembler& a, int offset, int size) {
  a.move(BPF_REG_1, BPF_REG_6);
  a.set(BPF_REG_2, offset);
  a.move(BPF_REG_3, BPF_REG_10);
  a.add(BPF_REG_3, scratch);
  a.set(BPF_REG_4, size);
  a.call(BPF_FUNC_skb_load_bytes);
  a.end_if_not_zero(BPF_REG_0);
}

/// The checksum at R7 (transport header) + `at` learns of the change of the pseudo header.
void replace_transport_checksum(Assembler& a, std::uint32_t from, std::uint32_t to, int at, int flags) {
  a.move(BPF_REG_1, BPF_REG_6);
  a.move(BPF_REG_2, BPF_REG_7);
  a.add(BPF_REG_2, at);
  a.set32(BPF_REG_3, from);
  a.set32(BPF_REG_4, to);
  a.set(BPF_REG_5, flags);
  a.call(BPF_FUNC_l4_csum_replace);
}

/// Rewrites the address at the offset where it is `from`; both in network byte order, as the frame has them.
std::vector<bpf_insn> rewriting_program(int address_offset, std::uint32_t from, std::uint32_t to) {
  constexpr int tcp = 6;
  constexpr int udp = 17;
  Assembler a;
  a.move(BPF_REG_6, BPF_REG_1);
  a.load(BPF_W, BPF_REG_2, BPF_REG_6, offsetof(__sk_buff, protocol));
  a.end_unless_equal(BPF_REG_2, htons(0x0800));
  load_bytes(a, address_offset, 4);
  a.load(BPF_W, BPF_REG_2, BPF_REG_10, scratch);
  a.end_unless_equal(BPF_REG_2, from);
  // R7: where the transport header begins. R8: its protocol. Later fragments have no transport header.
  load_bytes(a, ip_header, 1);
  a.load(BPF_B, BPF_REG_7, BPF_REG_10, scratch);
  a.bit_and(BPF_REG_7, 15);
  a.shift_left(BPF_REG_7, 2);
  a.add(BPF_REG_7, ip_header);
  load_bytes(a, protocol_offset, 1);
  a.load(BPF_B, BPF_REG_8, BPF_REG_10, scratch);
  load_bytes(a, fragment_offset, 2);
  a.load(BPF_H, BPF_REG_9, BPF_REG_10, scratch);
  a.bit_and(BPF_REG_9, htons(0x1fff));

  a.move(BPF_REG_1, BPF_REG_6);
  a.set(BPF_REG_2, ip_checksum_offset);
  a.set32(BPF_REG_3, from);
  a.set32(BPF_REG_4, to);
  a.set(BPF_REG_5, 4);
  a.call(BPF_FUNC_l3_csum_replace);

  const std::size_t fragment = a.jump_if_not_zero(BPF_REG_9);
  const std::size_t not_tcp = a.jump_unless_equal(BPF_REG_8, tcp);
  replace_transport_checksum(a, from, to, 16, BPF_F_PSEUDO_HDR | 4);
  const std::size_t done = a.jump();
  a.aim_here(not_tcp);
  const std::size_t not_udp = a.jump_unless_equal(BPF_REG_8, udp);
  replace_transport_checksum(a, from, to, 6, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | 4);
  a.aim_here(done);
  a.aim_here(not_udp);
  a.aim_here(fragment);

  a.store32(BPF_REG_10, renewed, to);
  a.move(BPF_REG_1, BPF_REG_6);
  a.set(BPF_REG_2, address_offset);
  a.move(BPF_REG_3, BPF_REG_10);
  a.add(BPF_REG_3, renewed);
  a.set(BPF_REG_4, 4);
  a.set(BPF_REG_5, 0);
  a.call(BPF_FUNC_skb_store_bytes);
  a.end_here();
  a.leave(tcx_next);
  return a.code();
}

long bpf(int command, bpf_attr& attributes) { return ::syscall(SYS_bpf, command, &attributes, sizeof attributes); }

Result<UniqueFd> load_program(const std::vector<bpf_insn>& code) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insns = reinterpret_cast<std::uint64_t>(code.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(code.size());
  static constexpr char license[] = "GPL";
  attributes.license = reinterpret_cast<std::uint64_t>(license);
  std::strncpy(attributes.prog_name, "godwit_address", sizeof attributes.prog_name - 1);
  const long fd = bpf(BPF_PROG_LOAD, attributes);
  if (fd < 0) return fail_errno("loading the address translation");
  return UniqueFd{static_cast<int>(fd)};
}

Result<> attach(const UniqueFd& program, int device_index, std::uint32_t hook) {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(device_index);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = hook;
  if (bpf(BPF_PROG_ATTACH, attributes) < 0) return fail_errno("attaching the address translation");
  return {};
}

Result<> translate_by_tcx(int device_index, std::uint32_t inside, std::uint32_t outside) {
  const auto outward = load_program(rewriting_program(source_offset, inside, outside));
  if (!outward) return fail(outward.error());
  const auto inward = load_program(rewriting_program(destination_offset, outside, inside));
  if (!inward) return fail(inward.error());
  if (auto done = attach(*outward, device_index, tcx_ingress); !done) return done;
  return attach(*inward, device_index, tcx_egress);
}

Result<> translate_by_act_nat(const std::string& device, const std::string& inside, const std::string& outside) {
  const auto tc = [&](std::vector<std::string> arguments) -> Result<> {
    arguments.insert(arguments.begin(), "tc");
    auto done = run_checked({.argv = std::move(arguments)}, Deadline::after(std::chrono::seconds{20}));
    if (!done) return fail(done.error());
    return {};
  };
  if (auto done = tc({"qdisc", "replace", "dev", device, "clsact"}); !done) return done;
  if (auto done = tc({"filter", "replace", "dev", device, "ingress", "protocol", "ip", "prio", "1", "handle", "1",
                      "matchall", "action", "nat", "egress", inside + "/32", outside});
      !done) {
    return done;
  }
  return tc({"filter", "replace", "dev", device, "egress", "protocol", "ip", "prio", "1", "handle", "1", "matchall",
             "action", "nat", "ingress", outside + "/32", inside});
}

}  // namespace

Result<> translate(const std::string& device, const std::string& inside, const std::string& outside) {
  in_addr in{};
  in_addr out{};
  if (::inet_pton(AF_INET, inside.c_str(), &in) != 1 || ::inet_pton(AF_INET, outside.c_str(), &out) != 1) {
    return fail(Code::invalid, "not IPv4 addresses: " + inside + ", " + outside);
  }
  const int index = index_of(device);
  if (index == 0) return fail(Code::not_found, "no device " + device);
  const auto by_tcx = translate_by_tcx(index, in.s_addr, out.s_addr);
  if (by_tcx) return {};
  const auto by_act_nat = translate_by_act_nat(device, inside, outside);
  if (by_act_nat) return {};
  return fail(Code::internal, "this kernel translates addresses neither by TCX (" + by_tcx.error().message +
                                  ") nor by act_nat (" + by_act_nat.error().message + ")");
}

}  // namespace godwit::hostnet
