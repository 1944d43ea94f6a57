#include "hostnet/translation.hpp"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "hostnet/address_program.hpp"
#include "hostnet/commands.hpp"

namespace godwit::hostnet {
namespace {

struct Programs {
  UniqueFd outward;
  UniqueFd inward;
};

// <linux/bpf.h> of Linux 6.6; older headers lack them.
constexpr std::uint32_t tcx_ingress = 46;
constexpr std::uint32_t tcx_egress = 47;

Result<> attach_tcx(const UniqueFd& program, int device_index, std::uint32_t hook) {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(device_index);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = hook;
  if (::syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes) < 0) return fail_errno("TCX");
  return {};
}

struct NetlinkFreer {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Socket = std::unique_ptr<nl_sock, NetlinkFreer>;
using Message = std::unique_ptr<nl_msg, NetlinkFreer>;

Message traffic_control_message(int type, int device_index, std::uint32_t parent, std::uint32_t handle,
                                std::uint32_t info, const char* kind) {
  Message message{nlmsg_alloc_simple(type, NLM_F_CREATE | NLM_F_REPLACE)};
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = device_index;
  header.tcm_parent = parent;
  header.tcm_handle = handle;
  header.tcm_info = info;
  nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO);
  nla_put_string(message.get(), TCA_KIND, kind);
  return message;
}

Result<> send(nl_sock* socket, Message message) {
  if (const int code = nl_send_sync(socket, message.release()); code < 0)
    return fail(Code::internal, std::string{"clsact: "} + nl_geterror(code));
  return {};
}

Result<> attach_classifier(nl_sock* socket, const UniqueFd& program, int device_index, std::uint32_t side) {
  constexpr std::uint32_t priority = 1;
  Message message = traffic_control_message(RTM_NEWTFILTER, device_index, TC_H_MAKE(TC_H_CLSACT, side), 1,
                                            TC_H_MAKE(priority << 16U, htons(ETH_P_ALL)), "bpf");
  nlattr* options = nla_nest_start(message.get(), TCA_OPTIONS);
  nla_put_u32(message.get(), TCA_BPF_FD, static_cast<std::uint32_t>(program.get()));
  nla_put_string(message.get(), TCA_BPF_NAME, "godwit_address");
  nla_put_u32(message.get(), TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  nla_nest_end(message.get(), options);
  return send(socket, std::move(message));
}

Result<> translate_by_tcx(int device_index, const Programs& programs) {
  if (auto done = attach_tcx(programs.outward, device_index, tcx_ingress); !done) return done;
  return attach_tcx(programs.inward, device_index, tcx_egress);
}

Result<> translate_by_classifier(int device_index, const Programs& programs) {
  const Socket socket{nl_socket_alloc()};
  if (!socket) return fail(Code::internal, "no memory for a netlink socket");
  if (const int code = nl_connect(socket.get(), NETLINK_ROUTE); code < 0)
    return fail(Code::internal, std::string{"netlink: "} + nl_geterror(code));
  const std::uint32_t clsact = TC_H_CLSACT;
  auto done = send(socket.get(),
                   traffic_control_message(RTM_NEWQDISC, device_index, clsact, clsact & 0xffff0000U, 0, "clsact"));
  if (done) done = attach_classifier(socket.get(), programs.outward, device_index, TC_H_MIN_INGRESS);
  if (done) done = attach_classifier(socket.get(), programs.inward, device_index, TC_H_MIN_EGRESS);
  return done;
}

}  // namespace

Result<> translate(const std::string& device, const std::string& inside, const std::string& outside, Hook hook) {
  in_addr in{};
  in_addr out{};
  if (::inet_pton(AF_INET, inside.c_str(), &in) != 1 || ::inet_pton(AF_INET, outside.c_str(), &out) != 1) {
    return fail(Code::invalid, "not IPv4 addresses: " + inside + ", " + outside);
  }
  const int index = index_of(device);
  if (index == 0) return fail(Code::not_found, "no device " + device);
  auto outward = load_address_program(Rewrites::source, in.s_addr, out.s_addr);
  if (!outward) return fail(outward.error());
  auto inward = load_address_program(Rewrites::destination, out.s_addr, in.s_addr);
  if (!inward) return fail(inward.error());
  const Programs programs{std::move(*outward), std::move(*inward)};
  if (hook == Hook::tcx) return translate_by_tcx(index, programs);
  if (hook == Hook::classifier) return translate_by_classifier(index, programs);
  const auto by_tcx = translate_by_tcx(index, programs);
  if (by_tcx) return {};
  const auto by_classifier = translate_by_classifier(index, programs);
  if (by_classifier) return {};
  return fail(Code::internal, "this kernel attaches programs neither by TCX (" + by_tcx.error().message +
                                  ") nor by clsact (" + by_classifier.error().message + ")");
}

}  // namespace godwit::hostnet
