// Peers as they come: slow, gone, talking nonsense.
#include <atomic>
#include <csignal>
#include <latch>
#include <semaphore>
#include <thread>

#include "http/fixture_test.hpp"
#include "http/raw_peer_test.hpp"

namespace godwit::http {
namespace {

class Peers : public Http {
 protected:
  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }
  void serve_plainly() {
    serve([](Exchange& exchange) { exchange.send({.status = 200, .headers = {}, .body = "fine"}); });
  }
  void expect_it_still_serves() const {
    const auto answer = client(pki().alice)->send({}, soon());
    ASSERT_TRUE(answer) << answer.error().error.message;
    EXPECT_EQ(answer->body, "fine");
  }
};

TEST_F(Peers, NonsenseInsteadOfTlsEndsThatConnectionAlone) {
  serve_plainly();
  RawPeer peer{server_->port(), false};
  peer.say(std::string(100'000, '\x7f'));
  peer.hear_all();
  expect_it_still_serves();
}

TEST_F(Peers, NonsenseInsteadOfHttpIsABadRequest) {
  serve_plainly();
  for (const char* text : {"\x01\x02 nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                           "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n"}) {
    RawPeer peer{server_->port(), true};
    peer.say(text);
    EXPECT_TRUE(peer.hear_all().starts_with("HTTP/1.1 400 ")) << text;
  }
  RawPeer endless{server_->port(), true};
  endless.say("GET / HTTP/1.1\r\nx: " + std::string(200'000, 'y'));
  EXPECT_TRUE(endless.hear_all().starts_with("HTTP/1.1 4"));
  expect_it_still_serves();
}

TEST_F(Peers, NonsenseInsteadOfHttp2EndsThatConnectionAlone) {
  serve_plainly();
  RawPeer peer{server_->port(), true, "h2"};
  peer.say(std::string(10'000, 'z'));
  peer.hear_all();
  expect_it_still_serves();
}

TEST_F(Peers, AHalfRequestIsNotWaitedForForEver) {
  ServerOptions options;
  options.request_header_timeout = std::chrono::milliseconds{200};
  serve([](Exchange& exchange) { exchange.send({}); }, options);
  RawPeer peer{server_->port(), true};
  peer.say("GET / HTTP/1.1\r\nhalf-a-hea");
  EXPECT_EQ(peer.hear_all(), "");
}

TEST_F(Peers, AnnouncedBodiesAreAskedFor) {
  serve([](Exchange& exchange) { exchange.send({.status = 200, .headers = {}, .body = exchange.request().body}); });
  RawPeer peer{server_->port(), true};
  peer.say(
      "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: "
      "100-continue\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(peer.hear(25), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.say("later");
  EXPECT_TRUE(peer.hear_all().ends_with("later"));
}

TEST_F(Peers, APeerThatIsGoneStopsItsHandler) {
  std::latch entered{1};
  std::binary_semaphore stopped{0};
  serve([&](Exchange& exchange) {
    entered.count_down();
    (void)sleep_for(seconds{600}, exchange.stop());
    stopped.release();
  });
  RawPeer peer{server_->port(), true};
  peer.say("GET /watch HTTP/1.1\r\nhost: x\r\n\r\n");
  entered.wait();
  peer.vanish();
  EXPECT_TRUE(stopped.try_acquire_for(seconds{20}));
}

TEST_F(Peers, OneThatSentTwoRequestsAtOnceGetsBothAnswersAndIsMissedWhenGone) {
  std::latch entered{2};
  std::binary_semaphore stopped{0};
  serve([&](Exchange& exchange) {
    entered.count_down();
    if (exchange.request().path == "/quick") return exchange.send({.status = 200, .headers = {}, .body = "quick"});
    (void)sleep_for(seconds{600}, exchange.stop());
    stopped.release();
  });
  RawPeer peer{server_->port(), true};
  peer.say(
      "GET /quick HTTP/1.1\r\nhost: x\r\n\r\nGET /watch HTTP/1.1\r\nhost: "
      "x\r\n\r\n");
  EXPECT_TRUE(peer.hear_until("quick"));
  entered.wait();
  peer.vanish();
  EXPECT_TRUE(stopped.try_acquire_for(seconds{20}));
}

std::string frame(char type, char flags, char stream, std::string_view payload) {
  std::string bytes{"\0\0", 2};
  bytes += static_cast<char>(payload.size());
  bytes += type;
  bytes += flags;
  bytes += std::string{"\0\0\0", 3} + stream;
  return bytes.append(payload);
}

TEST_F(Peers, AnHttp2StreamThatIsResetStopsItsHandlerAlone) {
  std::latch entered{2};
  std::atomic<int> running = 0;
  serve([&](Exchange& exchange) {
    ++running;
    entered.count_down();
    (void)sleep_for(seconds{600}, exchange.stop());
    --running;
  });
  RawPeer peer{server_->port(), true, "h2"};
  const std::string get{"\x82\x87\x84\x41\x01x", 6};  // :method GET, :scheme https, :path /, :authority x
  peer.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "") + frame(1, 5, 1, get) + frame(1, 5, 3, get));
  entered.wait();
  peer.say(frame(3, 0, 1, std::string{"\0\0\0\x08", 4}));
  const Deadline deadline = Deadline::after(seconds{20});
  while (running == 2 && !deadline.passed()) std::this_thread::yield();
  (void)sleep_for(std::chrono::milliseconds{50}, {});
  EXPECT_EQ(running, 1);
  server_.reset();
}

TEST_F(Peers, ASlowReaderGetsEverything) {
  constexpr std::size_t size = 3U << 20U;
  serve([&](Exchange& exchange) {
    exchange.begin(200, {{"content-length", std::to_string(size)}});
    const std::string part(8192, 'x');
    for (std::size_t i = 0; i < size / part.size() && exchange.write(part);) ++i;
  });
  RawPeer peer{server_->port(), true};
  peer.say("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  const std::string head = peer.hear(64);
  (void)sleep_for(std::chrono::milliseconds{50}, {});
  const std::string all = head + peer.hear_all();
  EXPECT_EQ(all.size() - all.find("\r\n\r\n") - 4, size);
}

TEST_F(Peers, OneThatNeverReadsHoldsItsHandlerBack) {
  std::atomic<std::size_t> written = 0;
  std::latch begun{1};
  serve([&](Exchange& exchange) {
    exchange.begin(200, {});
    begun.count_down();
    const std::string part(64U << 10U, 'x');
    while (written < (256U << 20U) && exchange.write(part)) written += part.size();
  });
  RawPeer peer{server_->port(), true};
  peer.say("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  begun.wait();
  // The sockets' own buffers fill up; then nothing moves.
  std::size_t before = 1;
  while (before != written) {
    before = written;
    (void)sleep_for(std::chrono::milliseconds{200}, {});
  }
  EXPECT_LT(written, 64U << 20U);
  server_.reset();
}

}  // namespace
}  // namespace godwit::http
