#include "hostnet/routes.hpp"

#include <linux/neighbour.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>

#include <memory>
#include <string>

namespace godwit::hostnet {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Socket = std::unique_ptr<nl_sock, Freer<nl_socket_free>>;
using Route = std::unique_ptr<rtnl_route, Freer<rtnl_route_put>>;
using Neighbour = std::unique_ptr<rtnl_neigh, Freer<rtnl_neigh_put>>;
using Address = std::unique_ptr<nl_addr, Freer<nl_addr_put>>;

Failure fail_netlink(std::string_view what, int code) {
  return fail(Code::internal, std::string{what} + ": " + nl_geterror(code));
}

Result<Socket> open_socket() {
  Socket socket{nl_socket_alloc()};
  if (!socket) return fail(Code::internal, "no memory for a netlink socket");
  if (const int code = nl_connect(socket.get(), NETLINK_ROUTE); code < 0) return fail_netlink("netlink", code);
  return socket;
}

Result<Route> host_route(const std::string& address, int device_index) {
  nl_addr* parsed = nullptr;
  if (const int code = nl_addr_parse((address + "/32").c_str(), AF_INET, &parsed); code < 0) {
    return fail_netlink(address, code);
  }
  const Address destination{parsed};
  Route route{rtnl_route_alloc()};
  rtnl_route_set_family(route.get(), AF_INET);
  rtnl_route_set_table(route.get(), RT_TABLE_MAIN);
  rtnl_route_set_scope(route.get(), RT_SCOPE_LINK);
  rtnl_route_set_protocol(route.get(), RTPROT_STATIC);
  rtnl_route_set_dst(route.get(), destination.get());
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_ifindex(hop, device_index);
  rtnl_route_add_nexthop(route.get(), hop);
  return route;
}

}  // namespace

Result<> add_host_route(const std::string& address, int device_index) {
  const auto socket = open_socket();
  if (!socket) return fail(socket.error());
  const auto route = host_route(address, device_index);
  if (!route) return fail(route.error());
  const int code = rtnl_route_add(socket->get(), route->get(), NLM_F_REPLACE | NLM_F_CREATE);
  if (code < 0) return fail_netlink("route " + address, code);
  return {};
}

Result<> remove_host_route(const std::string& address, int device_index) {
  const auto socket = open_socket();
  if (!socket) return fail(socket.error());
  const auto route = host_route(address, device_index);
  if (!route) return fail(route.error());
  const int code = rtnl_route_delete(socket->get(), route->get(), 0);
  if (code < 0 && code != -NLE_OBJ_NOTFOUND && code != -NLE_NODEV) return fail_netlink("route " + address, code);
  return {};
}

Result<> enslave(int device_index, int bridge_index) {
  const auto socket = open_socket();
  if (!socket) return fail(socket.error());
  const int code = rtnl_link_enslave_ifindex(socket->get(), bridge_index, device_index);
  if (code < 0) return fail_netlink("enslave", code);
  return {};
}

Result<> release(int device_index) {
  const auto socket = open_socket();
  if (!socket) return fail(socket.error());
  const int code = rtnl_link_release_ifindex(socket->get(), device_index);
  if (code < 0) return fail_netlink("release", code);
  return {};
}

Result<> pin_to_bridge_port(const std::string& mac, int device_index) {
  const auto socket = open_socket();
  if (!socket) return fail(socket.error());
  nl_addr* parsed = nullptr;
  if (const int code = nl_addr_parse(mac.c_str(), AF_LLC, &parsed); code < 0) return fail_netlink(mac, code);
  const Address address{parsed};
  const Neighbour entry{rtnl_neigh_alloc()};
  rtnl_neigh_set_family(entry.get(), AF_BRIDGE);
  rtnl_neigh_set_ifindex(entry.get(), device_index);
  rtnl_neigh_set_lladdr(entry.get(), address.get());
  rtnl_neigh_set_flags(entry.get(), NTF_MASTER | NTF_STICKY);
  rtnl_neigh_set_state(entry.get(), NUD_NOARP);
  const int code = rtnl_neigh_add(socket->get(), entry.get(), NLM_F_CREATE | NLM_F_REPLACE);
  if (code < 0) return fail_netlink("bridge entry of " + mac, code);
  return {};
}

}  // namespace godwit::hostnet
