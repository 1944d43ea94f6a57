#include "hostnet/dhcp_packet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace godwit::hostnet {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr Mac guest{0x02, 0, 0, 0, 0, 0x2a};
constexpr Mac server_mac{0x02, 0x67, 0x6f, 0x64, 0x77, 0x01};
constexpr std::uint32_t guest_ip = 0x0a000202;
constexpr std::uint32_t server_ip = 0x0a000201;
constexpr std::uint32_t other_ip = 0x0a0002fe;
constexpr std::size_t udp_at = 34;
constexpr std::size_t bootp_at = 42;
constexpr std::size_t options_at = bootp_at + 240;  // behind the magic cookie

std::uint32_t big_endian(const Bytes& bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = (value << 8U) | bytes.at(at + i);
  return value;
}

void put(Bytes& bytes, std::uint32_t value, int count) {
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

Bytes option(std::uint8_t code, std::uint32_t value) {
  Bytes made{code, 4};
  put(made, value, 4);
  return made;
}

/// A client's frame, written out here byte by byte.
Bytes query_frame(std::uint8_t type, const std::vector<Bytes>& options = {}, std::uint32_t ciaddr = 0) {
  Bytes f(6, 0xff);
  f.insert(f.end(), guest.begin(), guest.end());
  put(f, 0x0800, 2);
  put(f, 0x45000000, 4);
  put(f, 0, 4);
  put(f, 0x40110000, 4);
  put(f, 0, 4);
  put(f, 0xffffffff, 4);
  put(f, (68U << 16U) | 67U, 4);
  put(f, 0, 4);
  put(f, 0x01010600, 4);
  put(f, 0xdeadbeef, 4);
  put(f, 0, 4);
  put(f, ciaddr, 4);
  f.insert(f.end(), 12, 0);
  f.insert(f.end(), guest.begin(), guest.end());
  f.insert(f.end(), 10 + 64 + 128, 0);
  put(f, 0x63825363, 4);
  f.insert(f.end(), {53, 1, type});
  for (const Bytes& added : options) f.insert(f.end(), added.begin(), added.end());
  f.push_back(255);
  return f;
}

DhcpLease lease() {
  return {.address = guest_ip,
          .prefix_length = 24,
          .router = server_ip,
          .server = server_ip,
          .dns = {0x01020304, 0x05060708},
          .mtu = 1450,
          .hostname = "vm-one"};
}

std::optional<DhcpType> answer(const Bytes& frame) {
  const auto query = parse_dhcp_query(frame);
  return query ? answer_to(*query, lease(), guest) : std::nullopt;
}

std::map<int, Bytes> options_of(const Bytes& frame) {
  std::map<int, Bytes> found;
  for (std::size_t at = options_at; frame.at(at) != 255; at += 2U + frame.at(at + 1)) {
    const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(at) + 2;
    found[frame[at]] = Bytes(begin, begin + frame[at + 1]);
  }
  return found;
}

TEST(DhcpQuery, ReadsEveryField) {
  const auto query = parse_dhcp_query(query_frame(3, {option(50, guest_ip), {0, 0}, option(54, server_ip)}));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->type, DhcpType::request);
  EXPECT_EQ(query->client, guest);
  EXPECT_EQ(query->transaction, 0xdeadbeefU);
  EXPECT_EQ(query->requested, guest_ip);
  EXPECT_EQ(query->server, server_ip);
}

TEST(DhcpQuery, TheClientsOwnAddressCountsAsRequested) {
  const auto query = parse_dhcp_query(query_frame(3, {}, guest_ip));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->requested, guest_ip);
}

TEST(DhcpQuery, NoPrefixOfAFrameIsReadBeyondItsEnd) {
  const Bytes whole = query_frame(3, {option(50, guest_ip), option(54, server_ip)});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));  // its own allocation
    const auto query = parse_dhcp_query(cut);
    if (size < options_at + 3) EXPECT_FALSE(query) << size;
  }
}

TEST(DhcpQuery, OptionsThatReachBeyondTheFrame) {
  for (const Bytes& tail : {Bytes{50}, Bytes{50, 4}, Bytes{50, 4, 1}, Bytes{12, 255, 'a'}}) {
    Bytes frame = query_frame(1);
    frame.pop_back();
    frame.insert(frame.end(), tail.begin(), tail.end());
    EXPECT_FALSE(parse_dhcp_query(frame)) << tail.size();
  }
}

TEST(DhcpQuery, OptionsOfAWrongLengthDoNotCount) {
  const auto query = parse_dhcp_query(query_frame(1, {{50, 2, 1, 2}, {54, 0}}));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->requested, 0U);
  EXPECT_EQ(query->server, 0U);
}

TEST(DhcpQuery, OtherFramesAreNone) {
  const auto with = [](std::size_t at, std::uint8_t value) {
    Bytes frame = query_frame(1);
    frame.at(at) = value;
    return parse_dhcp_query(frame).has_value();
  };
  EXPECT_TRUE(with(0, 0x02));             // to the server's own address: fine
  EXPECT_FALSE(with(13, 0x06));           // ARP
  EXPECT_FALSE(with(14, 0x65));           // IPv6
  EXPECT_FALSE(with(14, 0x44));           // too short a header
  EXPECT_FALSE(with(14, 0x4f));           // a header that leaves no room
  EXPECT_FALSE(with(23, 6));              // TCP
  EXPECT_FALSE(with(udp_at + 1, 69));     // not from a client
  EXPECT_FALSE(with(udp_at + 3, 68));     // not to a server
  EXPECT_FALSE(with(bootp_at, 2));        // a server's reply
  EXPECT_FALSE(with(bootp_at + 2, 16));   // no MAC
  EXPECT_FALSE(with(options_at - 1, 0));  // no magic cookie
  EXPECT_FALSE(with(options_at, 254));    // no message type
  EXPECT_FALSE(with(options_at, 255));    // no options
}

TEST(DhcpAnswer, Conversation) {
  EXPECT_EQ(answer(query_frame(1)), DhcpType::offer);
  EXPECT_EQ(answer(query_frame(3, {option(50, guest_ip), option(54, server_ip)})), DhcpType::ack);
  EXPECT_EQ(answer(query_frame(3, {}, guest_ip)), DhcpType::ack);
  EXPECT_EQ(answer(query_frame(8, {}, guest_ip)), DhcpType::ack);
}

TEST(DhcpAnswer, RefusesAnotherAddress) {
  EXPECT_EQ(answer(query_frame(3, {option(50, other_ip), option(54, server_ip)})), DhcpType::nak);
  EXPECT_EQ(answer(query_frame(3, {option(50, other_ip)})), DhcpType::nak);
  EXPECT_EQ(answer(query_frame(3, {}, other_ip)), DhcpType::nak);
}

TEST(DhcpAnswer, IsSilentWhereNotMeant) {
  EXPECT_FALSE(answer(query_frame(3, {option(50, guest_ip), option(54, other_ip)}))) << "another server was chosen";
  for (const std::uint8_t type : {0, 2, 4, 5, 6, 7, 9, 200}) EXPECT_FALSE(answer(query_frame(type))) << int{type};
  auto query = parse_dhcp_query(query_frame(1));
  ASSERT_TRUE(query);
  query->client[5] = 0x2b;
  EXPECT_FALSE(answer_to(*query, lease(), guest)) << "another guest's";
}

TEST(DhcpReply, HeadersHold) {
  const auto query = parse_dhcp_query(query_frame(1));
  ASSERT_TRUE(query);
  const Bytes reply = dhcp_reply(*query, DhcpType::offer, lease(), server_mac);
  EXPECT_TRUE(std::equal(guest.begin(), guest.end(), reply.begin()));
  EXPECT_TRUE(std::equal(server_mac.begin(), server_mac.end(), reply.begin() + 6));
  EXPECT_EQ(big_endian(reply, 12, 2), 0x0800U);
  EXPECT_EQ(big_endian(reply, 16, 2), reply.size() - 14);
  EXPECT_EQ(big_endian(reply, 26, 4), server_ip);
  EXPECT_EQ(big_endian(reply, 30, 4), guest_ip);
  std::uint32_t sum = 0;
  for (std::size_t at = 14; at < udp_at; at += 2) sum += big_endian(reply, at, 2);
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  EXPECT_EQ(sum, 0xffffU);
  EXPECT_EQ(big_endian(reply, udp_at, 2), 67U);
  EXPECT_EQ(big_endian(reply, udp_at + 2, 2), 68U);
  EXPECT_EQ(big_endian(reply, udp_at + 4, 2), reply.size() - udp_at);
  EXPECT_GE(reply.size() - bootp_at, 300U) << "BOOTP's least";
  EXPECT_EQ(big_endian(reply, bootp_at, 4), 0x02010600U);
  EXPECT_EQ(big_endian(reply, bootp_at + 4, 4), 0xdeadbeefU);
  EXPECT_EQ(big_endian(reply, bootp_at + 16, 4), guest_ip);
  EXPECT_TRUE(std::equal(guest.begin(), guest.end(), reply.begin() + bootp_at + 28));
  EXPECT_EQ(big_endian(reply, options_at - 4, 4), 0x63825363U);
}

TEST(DhcpReply, TellsTheWholeLease) {
  const auto query = parse_dhcp_query(query_frame(3, {option(50, guest_ip)}));
  ASSERT_TRUE(query);
  const auto told = options_of(dhcp_reply(*query, DhcpType::ack, lease(), server_mac));
  const std::map<int, Bytes> expected{{53, {5}},
                                      {54, {10, 0, 2, 1}},
                                      {51, {255, 255, 255, 255}},
                                      {1, {255, 255, 255, 0}},
                                      {3, {10, 0, 2, 1}},
                                      {6, {1, 2, 3, 4, 5, 6, 7, 8}},
                                      {26, {1450 >> 8, 1450 & 255}},
                                      {12, {'v', 'm', '-', 'o', 'n', 'e'}}};
  EXPECT_EQ(told, expected);
}

TEST(DhcpReply, LeavesOutWhatThereIsNot) {
  const auto query = parse_dhcp_query(query_frame(1));
  ASSERT_TRUE(query);
  for (const auto& [prefix, mask] :
       std::map<int, Bytes>{{0, {0, 0, 0, 0}}, {20, {255, 255, 240, 0}}, {32, Bytes(4, 255)}}) {
    const DhcpLease bare{
        .address = guest_ip, .prefix_length = prefix, .server = server_ip, .hostname = std::string(64, 'a')};
    const auto told = options_of(dhcp_reply(*query, DhcpType::offer, bare, server_mac));
    EXPECT_EQ(told.at(1), mask) << prefix;
    EXPECT_EQ(told.size(), 4U) << "type, server, time, mask; the name is too long to tell";
  }
}

TEST(DhcpReply, ARefusalGivesNoAddressAway) {
  const auto query = parse_dhcp_query(query_frame(3, {option(50, other_ip)}));
  ASSERT_TRUE(query);
  const Bytes reply = dhcp_reply(*query, DhcpType::nak, lease(), server_mac);
  EXPECT_EQ(big_endian(reply, 30, 4), 0xffffffffU);
  EXPECT_EQ(big_endian(reply, bootp_at + 16, 4), 0U);
  const std::map<int, Bytes> expected{{53, {6}}, {54, {10, 0, 2, 1}}};
  EXPECT_EQ(options_of(reply), expected);
}

}  // namespace
}  // namespace godwit::hostnet
