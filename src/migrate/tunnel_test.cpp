#include "migrate/tunnel.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <optional>
#include <thread>

#include "base/files.hpp"
#include "base/random.hpp"
#include "http/pki.hpp"
#include "migrate/tunnel_sockets.hpp"
#include "migrate/tunnel_tls.hpp"

namespace godwit::migrate {
namespace {

using namespace std::chrono_literals;

/// A directory with a CA, the certificates of nodes s, t and x, and one of another CA that calls itself s.
class Ground {
 public:
  Ground() : directory_{std::move(*TemporaryDirectory::create("tunnel"))} {
    const auto ca = *http::make_ca("test");
    const auto other = *http::make_ca("test");
    EXPECT_TRUE(write_file(path("ca.crt"), ca.certificate_pem));
    for (const std::string name : {"s", "t", "x"}) issue(ca, name, name);
    issue(other, "s", "forged");
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return directory_.path() / name; }

  [[nodiscard]] TunnelSpec spec(TunnelSpec::Mode mode, const std::string& self, const std::string& peer) const {
    TunnelSpec out;
    out.mode = mode;
    out.unix_socket = path(mode == TunnelSpec::Mode::listen ? "incoming" : "outgoing");
    out.address = "127.0.0.1";
    out.certificate = path(self + ".crt");
    out.key = path(self + ".key");
    out.ca = path("ca.crt");
    out.peer_name = "system:node:" + peer;
    out.token = "m1";
    out.control = path(mode == TunnelSpec::Mode::listen ? "t.sock" : "s.sock");
    return out;
  }

 private:
  void issue(const http::KeyPair& ca, const std::string& name, const std::string& file) const {
    http::LeafRequest leaf;
    leaf.common_name = "system:node:" + name;
    leaf.for_server = true;
    const auto pair = *http::issue(ca, leaf);
    EXPECT_TRUE(write_file(path(file + ".crt"), pair.certificate_pem));
    EXPECT_TRUE(write_file(path(file + ".key"), pair.key_pem));
  }
  TemporaryDirectory directory_;
};

/// A tunnel's end on a thread, with its events.
class End {
 public:
  explicit End(const TunnelSpec& spec) {
    std::array<int, 2> events{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events.data()), 0);
    theirs_ = UniqueFd{events[0]};
    ours_ = UniqueFd{events[1]};
    thread_ = std::jthread{[this, spec] {
      status_ = run_tunnel(spec, theirs_.get(), -1);
      theirs_.reset();
    }};
    control_ = spec.control;
  }
  ~End() {
    if (thread_.joinable()) abort();
  }
  void abort() {
    if (auto client = TunnelClient::connect(control_, Deadline::after(1s)))
      (void)client->send(json::Object{{"cmd", "abort"}});
  }
  /// Waits for an event of that name; others are skipped.
  std::optional<json::Value> event(std::string_view name) {
    const auto deadline = Deadline::after(20s);
    while (true) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        auto value = *json::parse(buffer_.substr(0, end));
        buffer_.erase(0, end + 1);
        if (json::string_at(value, "/event") == name) return value;
        continue;
      }
      std::array<char, 4096> chunk{};
      if (!wait_fd(ours_.get(), POLLIN, deadline, -1)) return std::nullopt;
      const auto n = ::read(ours_.get(), chunk.data(), chunk.size());
      if (n <= 0) return std::nullopt;
      buffer_.append(chunk.data(), static_cast<std::size_t>(n));
    }
  }
  int join() {
    thread_.join();
    return status_;
  }

 private:
  UniqueFd theirs_, ours_;
  std::filesystem::path control_;
  std::string buffer_;
  int status_ = -1;
  std::jthread thread_;
};

/// Two ends, joined, with the sockets that QEMU would hold.
class Pair {
 public:
  explicit Pair(const Ground& ground, TunnelSpec listen, TunnelSpec dial) {
    incoming_ = std::move(*listen_unix(listen.unix_socket, -1));
    target = std::make_unique<End>(listen);
    const auto listening = target->event("listening");
    EXPECT_TRUE(listening);
    port = static_cast<int>(json::int_at(*listening, "/port"));
    dial.first_port = dial.last_port = port;
    source = std::make_unique<End>(dial);
    EXPECT_TRUE(source->event("ready"));
    outgoing_ = ground.path("outgoing");
  }
  explicit Pair(const Ground& ground)
      : Pair{ground, ground.spec(TunnelSpec::Mode::listen, "t", "s"), ground.spec(TunnelSpec::Mode::dial, "s", "t")} {}

  /// One channel: the source's socket and the target's, blocking.
  std::pair<UniqueFd, UniqueFd> channel() {
    auto s = connect_unix(outgoing_, Deadline::after(5s), -1);
    EXPECT_TRUE(s);
    EXPECT_TRUE(wait_fd(incoming_.get(), POLLIN, Deadline::after(10s), -1));
    UniqueFd t{::accept4(incoming_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    return {std::move(*s), std::move(t)};
  }

  std::unique_ptr<End> target, source;
  int port = 0;

 private:
  UniqueFd incoming_;
  std::filesystem::path outgoing_;
};

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  std::uint64_t x = 88172645463325252ULL;
  for (auto& c : out) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    c = static_cast<char>(x);
  }
  return out;
}

void send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    ASSERT_GT(n, 0);
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// Everything until the end; the flag is false when it ended by a reset.
std::pair<std::string, bool> receive_all(int fd) {
  std::string out;
  std::vector<char> chunk(1 << 18);
  while (true) {
    if (!wait_fd(fd, POLLIN, Deadline::after(20s), -1)) return {out, false};
    const auto n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n <= 0) return {out, n == 0};
    out.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

TEST(TunnelOptions, RoundTripAndErrors) {
  const Ground ground;
  for (const auto mode : {TunnelSpec::Mode::listen, TunnelSpec::Mode::dial}) {
    auto spec = ground.spec(mode, "s", "t");
    spec.first_port = 49152;
    spec.last_port = mode == TunnelSpec::Mode::listen ? 49215 : 49152;
    spec.bytes_per_second = 5;
    auto arguments = tunnel_arguments(spec);
    arguments.erase(arguments.begin());
    const auto parsed = parse_tunnel_arguments(arguments);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, spec);
  }
  EXPECT_FALSE(parse_tunnel_arguments({}));
  EXPECT_FALSE(parse_tunnel_arguments({"listen", "--unix"}));
  EXPECT_FALSE(parse_tunnel_arguments({"listen", "--bogus", "1"}));
  EXPECT_FALSE(parse_tunnel_arguments({"dial", "--unix", "x"}));
}

TEST(Tunnel, CarriesEveryByteBothWaysAndEndsInOrder) {
  const Ground ground;
  Pair pair{ground};
  const auto data = pattern(24 << 20);
  const auto back = pattern(3 << 20);
  auto [s, t] = pair.channel();
  std::jthread sender{[&, fd = s.get()] {
    send_all(fd, data);
    ::shutdown(fd, SHUT_WR);
  }};
  const auto [got, clean] = receive_all(t.get());
  EXPECT_TRUE(clean);
  EXPECT_TRUE(got == data);
  // The way back is still open after the end of the way there: the last acknowledgement.
  std::jthread answerer{[&, fd = t.get()] {
    send_all(fd, back);
    ::shutdown(fd, SHUT_WR);
  }};
  const auto [answer, answer_clean] = receive_all(s.get());
  EXPECT_TRUE(answer_clean);
  EXPECT_TRUE(answer == back);
  const auto end = pair.source->event("end");
  ASSERT_TRUE(end);
  EXPECT_EQ(json::int_at(*end, "/sentBytes"), static_cast<std::int64_t>(data.size()));
  EXPECT_EQ(json::int_at(*end, "/receivedBytes"), static_cast<std::int64_t>(back.size()));
  EXPECT_EQ(pair.source->join(), 0);
  EXPECT_EQ(pair.target->join(), 0);
}

TEST(Tunnel, SeveralChannelsStayApart) {
  const Ground ground;
  Pair pair{ground};
  std::vector<std::pair<UniqueFd, UniqueFd>> channels;
  for (int i = 0; i < 3; ++i) channels.push_back(pair.channel());
  for (int i = 0; i < 3; ++i)
    send_all(channels[static_cast<std::size_t>(i)].first.get(), std::string(1000, static_cast<char>('a' + i)));
  for (auto& [s, t] : channels) ::shutdown(s.get(), SHUT_WR);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(receive_all(channels[static_cast<std::size_t>(i)].second.get()).first,
              std::string(1000, static_cast<char>('a' + i)));
  channels.clear();
  EXPECT_EQ(pair.source->join(), 0);
  EXPECT_EQ(pair.target->join(), 0);
}

// Whoever is cut off learns that it was cut off: exit status and event on both ends, no half-close passed on.
TEST(Tunnel, AnAbortedSourceIsATruncationAtTheTarget) {
  const Ground ground;
  Pair pair{ground};
  auto [s, t] = pair.channel();
  send_all(s.get(), "part");
  std::array<char, 4> part{};
  ASSERT_EQ(::recv(t.get(), part.data(), part.size(), MSG_WAITALL), 4);
  pair.source->abort();
  EXPECT_EQ(pair.source->join(), 2);
  (void)receive_all(t.get());
  // Cut off altogether: writing fails as well, which a peer that had ended in order would still allow.
  EXPECT_LT(::send(t.get(), "x", 1, MSG_NOSIGNAL), 0);
  const auto open = pair.target->event("channel");
  const auto ended = pair.target->event("channel");
  ASSERT_TRUE(open && ended);
  EXPECT_EQ(json::string_at(*ended, "/state"), "truncated");
  EXPECT_EQ(pair.target->join(), 2);
}

TEST(Tunnel, StrangersHarmNothing) {
  const Ground ground;
  Pair pair{ground};
  auto [s, t] = pair.channel();
  {
    const auto http = *connect_tcp("127.0.0.1", pair.port, Deadline::after(5s), -1);
    send_all(http.get(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(pair.target->event("stranger"));
  }
  for (const std::string who : {"forged", "x"}) {
    const auto tls =
        *TlsContext::create(false, ground.path(who + ".crt"), ground.path(who + ".key"), ground.path("ca.crt"));
    auto fd = *connect_tcp("127.0.0.1", pair.port, Deadline::after(5s), -1);
    auto stream = TlsStream::handshake(tls, std::move(fd), "system:node:t", Deadline::after(5s), -1);
    const auto stranger = pair.target->event("stranger");
    ASSERT_TRUE(stranger) << who;
  }
  {
    const auto tls = *TlsContext::create(false, ground.path("s.crt"), ground.path("s.key"), ground.path("ca.crt"));
    auto fd = *connect_tcp("127.0.0.1", pair.port, Deadline::after(5s), -1);
    auto stream = *TlsStream::handshake(tls, std::move(fd), "system:node:t", Deadline::after(5s), -1);
    ASSERT_TRUE(stream.write_all("{\"token\":\"m0\",\"kind\":\"channel\"}\n", Deadline::after(5s), -1));
    EXPECT_TRUE(pair.target->event("stranger"));
  }
  send_all(s.get(), "still here");
  ::shutdown(s.get(), SHUT_WR);
  EXPECT_EQ(receive_all(t.get()).first, "still here");
  t.reset();
  s.reset();
  EXPECT_EQ(pair.source->join(), 0);
  EXPECT_EQ(pair.target->join(), 0);
}

TEST(Tunnel, ADialerRefusesAWrongTarget) {
  const Ground ground;
  End target{ground.spec(TunnelSpec::Mode::listen, "x", "s")};
  const auto listening = target.event("listening");
  ASSERT_TRUE(listening);
  auto dial = ground.spec(TunnelSpec::Mode::dial, "s", "t");
  dial.first_port = dial.last_port = static_cast<int>(json::int_at(*listening, "/port"));
  End source{dial};
  const auto failed = source.event("failed");
  ASSERT_TRUE(failed);
  EXPECT_NE(json::string_at(*failed, "/message").find("system:node:x"), std::string::npos);
  EXPECT_EQ(source.join(), 1);
  target.abort();
  EXPECT_EQ(target.join(), 2);
}

TEST(Tunnel, SilenceIsReportedAndEndsInAReset) {
  const Ground ground;
  auto listen = ground.spec(TunnelSpec::Mode::listen, "t", "s");
  listen.silence_ms = 500;
  listen.give_up_ms = 1500;
  const auto incoming = *listen_unix(listen.unix_socket, -1);
  End target{listen};
  const auto listening = target.event("listening");
  ASSERT_TRUE(listening);
  // A peer that greets and then says nothing more.
  const auto tls = *TlsContext::create(false, ground.path("s.crt"), ground.path("s.key"), ground.path("ca.crt"));
  auto fd = *connect_tcp("127.0.0.1", static_cast<int>(json::int_at(*listening, "/port")), Deadline::after(5s), -1);
  auto stream = *TlsStream::handshake(tls, std::move(fd), "system:node:t", Deadline::after(5s), -1);
  ASSERT_TRUE(stream.write_all("{\"token\":\"m1\",\"kind\":\"channel\"}\n", Deadline::after(5s), -1));
  EXPECT_TRUE(target.event("silent"));
  EXPECT_TRUE(target.event("gave-up"));
  EXPECT_EQ(target.join(), 3);
}

TEST(Tunnel, ControlAnswersAndLimits) {
  const Ground ground;
  auto dial = ground.spec(TunnelSpec::Mode::dial, "s", "t");
  dial.bytes_per_second = 4 << 20;
  Pair pair{ground, ground.spec(TunnelSpec::Mode::listen, "t", "s"), dial};
  auto [s, t] = pair.channel();
  const auto begin = std::chrono::steady_clock::now();
  const auto data = pattern(2 << 20);
  std::jthread sender{[&, fd = s.get()] {
    send_all(fd, data);
    ::shutdown(fd, SHUT_WR);
  }};
  EXPECT_TRUE(receive_all(t.get()).first == data);
  EXPECT_GT(std::chrono::steady_clock::now() - begin, 300ms);
  auto client = TunnelClient::connect(ground.path("s.sock"), Deadline::after(5s));
  ASSERT_TRUE(client);
  const auto status = client->next(Deadline::after(5s));
  ASSERT_TRUE(status);
  EXPECT_EQ(json::int_at(*status, "/sentBytes"), static_cast<std::int64_t>(data.size()));
  EXPECT_EQ(json::int_at(*status, "/openChannels"), 1);
  ASSERT_TRUE(client->send(json::Object{{"cmd", "nonsense"}}));
  EXPECT_EQ(json::string_at(*client->next(Deadline::after(5s)), "/event"), "error");
}

}  // namespace
}  // namespace godwit::migrate
