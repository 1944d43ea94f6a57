#include "hostnet/address_program.hpp"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <vector>

namespace godwit::hostnet {
namespace {

constexpr int pass_on = -1;  // TCX_NEXT, which is TC_ACT_UNSPEC

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
  [[nodiscard]] std::size_t jump_if_equal(int reg, std::int32_t value) {
    emit(BPF_JMP32 | BPF_JEQ | BPF_K, reg, 0, 0, value);
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

enum class From : unsigned char { frame, transport };

/// R2 = the offset, in the frame or from R7 (where the transport header begins).
void put_offset(Assembler& a, int offset, From base) {
  if (base == From::frame) {
    a.set(BPF_REG_2, offset);
  } else {
    a.move(BPF_REG_2, BPF_REG_7);
    a.add(BPF_REG_2, offset);
  }
}

/// Loads bytes to the scratch place: at the offset, or at R7 plus the offset. Frames that are too short go to the end.
void load_bytes(Assembler& a, int offset, int size, From base = From::frame) {
  a.move(BPF_REG_1, BPF_REG_6);
  put_offset(a, offset, base);
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

/// An IPv4 header's checksum and address, of the packet itself or of one that it quotes.
void replace_header_checksum(Assembler& a, std::uint32_t from, std::uint32_t to, int at, From base) {
  a.move(BPF_REG_1, BPF_REG_6);
  put_offset(a, at, base);
  a.set32(BPF_REG_3, from);
  a.set32(BPF_REG_4, to);
  a.set(BPF_REG_5, 4);
  a.call(BPF_FUNC_l3_csum_replace);
}
void store_address(Assembler& a, std::uint32_t to, int at, From base) {
  a.store32(BPF_REG_10, renewed, to);
  a.move(BPF_REG_1, BPF_REG_6);
  put_offset(a, at, base);
  a.move(BPF_REG_3, BPF_REG_10);
  a.add(BPF_REG_3, renewed);
  a.set(BPF_REG_4, 4);
  a.set(BPF_REG_5, 0);
  a.call(BPF_FUNC_skb_store_bytes);
}

/// An ICMP error quotes a packet that went the other way: its opposite address is translated, or its receiver would not
/// know which of its connections is meant. The ICMP checksum stays: the quoted header's checksum makes up for its
/// address.
void rewrite_quoted(Assembler& a, int opposite, std::uint32_t from, std::uint32_t to) {
  constexpr int quoted = 8;
  load_bytes(a, 0, 1, From::transport);
  a.load(BPF_B, BPF_REG_8, BPF_REG_10, scratch);
  const std::size_t unreachable = a.jump_if_equal(BPF_REG_8, 3);
  const std::size_t time_exceeded = a.jump_if_equal(BPF_REG_8, 11);
  a.end_unless_equal(BPF_REG_8, 12);  // parameter problem
  a.aim_here(unreachable);
  a.aim_here(time_exceeded);
  load_bytes(a, quoted + opposite - ip_header, 4, From::transport);
  a.load(BPF_W, BPF_REG_2, BPF_REG_10, scratch);
  a.end_unless_equal(BPF_REG_2, from);
  replace_header_checksum(a, from, to, quoted + ip_checksum_offset - ip_header, From::transport);
  store_address(a, to, quoted + opposite - ip_header, From::transport);
}

/// R7: where the transport header begins. R8: its protocol. R9: not zero in later fragments, which have no transport
/// header.
void read_header(Assembler& a) {
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
}

std::vector<bpf_insn> rewriting_program(int address_offset, int opposite_offset, std::uint32_t from, std::uint32_t to) {
  constexpr int icmp = 1;
  constexpr int tcp = 6;
  constexpr int udp = 17;
  Assembler a;
  a.move(BPF_REG_6, BPF_REG_1);
  a.load(BPF_W, BPF_REG_2, BPF_REG_6, offsetof(__sk_buff, protocol));
  a.end_unless_equal(BPF_REG_2, htons(0x0800));
  load_bytes(a, address_offset, 4);
  a.load(BPF_W, BPF_REG_2, BPF_REG_10, scratch);
  a.end_unless_equal(BPF_REG_2, from);
  read_header(a);
  replace_header_checksum(a, from, to, ip_checksum_offset, From::frame);
  store_address(a, to, address_offset, From::frame);
  a.end_if_not_zero(BPF_REG_9);
  const std::size_t not_tcp = a.jump_unless_equal(BPF_REG_8, tcp);
  replace_transport_checksum(a, from, to, 16, BPF_F_PSEUDO_HDR | 4);
  a.leave(pass_on);
  a.aim_here(not_tcp);
  const std::size_t not_udp = a.jump_unless_equal(BPF_REG_8, udp);
  replace_transport_checksum(a, from, to, 6, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | 4);
  a.leave(pass_on);
  a.aim_here(not_udp);
  a.end_unless_equal(BPF_REG_8, icmp);
  rewrite_quoted(a, opposite_offset, from, to);
  a.end_here();
  a.leave(pass_on);
  return a.code();
}

}  // namespace

Result<UniqueFd> load_address_program(Rewrites which, std::uint32_t from, std::uint32_t to) {
  const std::vector<bpf_insn> code = which == Rewrites::source
                                         ? rewriting_program(source_offset, destination_offset, from, to)
                                         : rewriting_program(destination_offset, source_offset, from, to);
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insns = reinterpret_cast<std::uint64_t>(code.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(code.size());
  static constexpr char license[] = "GPL";
  attributes.license = reinterpret_cast<std::uint64_t>(license);
  std::strncpy(attributes.prog_name, "godwit_address", sizeof attributes.prog_name - 1);
  const long fd = ::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
  if (fd < 0) return fail_errno("loading the address translation");
  return UniqueFd{static_cast<int>(fd)};
}

}  // namespace godwit::hostnet
