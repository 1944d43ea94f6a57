#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "base/process.hpp"
#include "http/fixture_test.hpp"

namespace godwit::http {
namespace {

TEST_F(Http, EchoesWithIdentityAndQuery) {
  serve([](Exchange& exchange) {
    const Request& r = exchange.request();
    std::string text = r.method + " " + r.path + " " + r.query_value("a b") + " " + r.peer->common_name + " " +
                       r.peer->organizations.at(1) + " " + r.body;
    exchange.send({.status = 201, .headers = {{"x-y", "z"}}, .body = text});
  });
  const auto alice = client(pki().alice);
  Request request{.method = "POST",
                  .path = "/p q",
                  .query = {{"a b", "c&d"}},
                  .headers = {},
                  .body = "body",
                  .peer = {},
                  .remote_address = {}};
  for (int i = 0; i < 3; ++i) {
    const auto response = alice->send(request, soon());
    ASSERT_TRUE(response) << response.error().error.message;
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->headers.get("X-Y"), "z");
    EXPECT_EQ(response->body, "POST /p q c&d alice group-b body");
  }
}

TEST_F(Http, SpeaksHttp2ToCurl) {
  serve([](Exchange& exchange) {
    exchange.send({.status = 200, .headers = {}, .body = std::string(300'000, 'x') + exchange.request().body});
  });
  const auto output =
      run_program({.argv = {"curl", "-sk", "--http2", "-d", "tail", "-w", " %{http_version}", url_ + "/"}}, soon());
  ASSERT_TRUE(output) << output.error().message;
  if (output->exit.status == 0) {
    EXPECT_EQ(output->out.size(), 300'000U + 4 + 2);
    EXPECT_TRUE(output->out.ends_with("tail 2")) << output->out.substr(299'990);
  }
}

TEST_F(Http, StreamsUntilTheReaderHasEnough) {
  std::atomic<bool> stopped = false;
  serve([&](Exchange& exchange) {
    exchange.begin(200, {});
    while (exchange.write("tick\n")) std::this_thread::yield();
    stopped = exchange.stop().stop_requested();
  });
  const auto alice = client(pki().alice);
  std::size_t seen = 0;
  const auto ended = alice->stream({}, [&](std::string_view bytes) { return (seen += bytes.size()) < 2'000'000; }, {});
  ASSERT_TRUE(ended) << ended.error().error.message;
  EXPECT_GE(seen, 2'000'000U);
  server_.reset();
  EXPECT_TRUE(stopped);
}

TEST_F(Http, StopsAStreamWhenTold) {
  serve([](Exchange& exchange) {
    exchange.begin(200, {});
    exchange.write("x");
    (void)sleep_for(seconds{600}, exchange.stop());
  });
  const auto alice = client(pki().alice);
  std::stop_source stop;
  const auto ended = alice->stream(
      {},
      [&](std::string_view) {
        stop.request_stop();
        return true;
      },
      stop.get_token());
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().error.code, Code::cancelled);
}

TEST_F(Http, TwoHundredWatchesAtOnce) {
  std::latch all{200};
  serve([&](Exchange& exchange) {
    exchange.begin(200, {});
    exchange.write("x");
    all.count_down();
    (void)sleep_for(seconds{600}, exchange.stop());
  });
  const auto alice = client(pki().alice);
  std::stop_source stop;
  std::vector<std::jthread> watchers;
  for (int i = 0; i < 200; ++i) {
    watchers.emplace_back([&] { (void)alice->stream({}, [](std::string_view) { return true; }, stop.get_token()); });
  }
  all.wait();
  stop.request_stop();
}

TEST_F(Http, EndsWhileHandlersBlock) {
  std::latch entered{1};
  serve([&](Exchange& exchange) {
    entered.count_down();
    (void)sleep_for(seconds{600}, exchange.stop());
  });
  const auto alice = client(pki().alice);
  std::jthread caller{[&] { EXPECT_FALSE(alice->send({}, Deadline::after(seconds{60}))); }};
  entered.wait();
  server_.reset();
}

TEST_F(Http, RefusesForeignCertificates) {
  serve([](Exchange& exchange) {
    exchange.send({.status = 200, .headers = {}, .body = exchange.request().peer ? "known" : "unknown"});
  });
  const KeyPair other_ca = *make_ca("another CA");
  const KeyPair mallory =
      *issue(other_ca, {.common_name = "alice", .organizations = {}, .dns_names = {}, .ip_addresses = {}});
  EXPECT_FALSE(client(mallory)->send({}, soon()));
  EXPECT_EQ(client({})->send({}, soon())->body, "unknown");
  auto distrusting =
      Client::create({.base_url = url_, .tls = {other_ca.certificate_pem, {}, {}, {}}, .bearer_token = {}});
  const auto refused = (*distrusting)->send({}, soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sent, Sent::no);
}

TEST_F(Http, LimitsBodies) {
  serve([](Exchange& exchange) { exchange.send({.status = 200, .headers = {}, .body = {}}); });
  Request request{.method = "POST",
                  .path = "/",
                  .query = {},
                  .headers = {},
                  .body = std::string(20U << 20U, 'x'),
                  .peer = {},
                  .remote_address = {}};
  const auto response = client(pki().alice)->send(request, soon());
  ASSERT_TRUE(response) << response.error().error.message;
  EXPECT_EQ(response->status, 413);
  request.body = "small";
  EXPECT_EQ(client(pki().alice)->send(request, soon())->status, 200);
}

TEST_F(Http, AnAnswerIsNeverForgotten) {
  serve([](Exchange&) {});
  EXPECT_EQ(client(pki().alice)->send({}, soon())->status, 500);
}

TEST_F(Http, SaysThatAPortIsInUse) {
  serve([](Exchange& exchange) { exchange.send({}); });
  ServerOptions options;
  options.port = server_->port();
  options.tls = {pki().server.certificate_pem, pki().server.key_pem, {}};
  const auto second = Server::start(options, [](Exchange&) {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("in use"), std::string::npos) << second.error().message;
}

TEST_F(Http, KnowsThatNothingWasSent) {
  serve([](Exchange& exchange) { exchange.send({}); });
  const auto alice = client(pki().alice);
  server_.reset();
  const auto refused = alice->send({}, soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sent, Sent::no);
  EXPECT_EQ(refused.error().error.code, Code::unavailable);
}

TEST_F(Http, AWriteThatDiedUnansweredWasPerhapsSentAndIsNotRepeated) {
  std::atomic<int> writes = 0;
  std::latch entered{1};
  serve([&](Exchange& exchange) {
    if (exchange.request().method == "GET") return exchange.send({});
    if (++writes == 1) entered.count_down();
    (void)sleep_for(seconds{600}, exchange.stop());
  });
  const auto alice = client(pki().alice);
  ASSERT_TRUE(alice->send({}, soon()));  // its connection is used again by the write
  Request request;
  request.method = "PATCH";
  tl::expected<Response, TransportError> outcome;
  std::jthread caller{[&] { outcome = alice->send(request, soon()); }};
  entered.wait();
  server_.reset();
  caller.join();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().sent, Sent::perhaps) << outcome.error().error.message;
  EXPECT_EQ(writes, 1);
}

TEST_F(Http, AWriteThatTimedOutWasPerhapsSent) {
  serve([&](Exchange& exchange) {
    if (exchange.request().method == "GET") return exchange.send({});
    (void)sleep_for(seconds{600}, exchange.stop());
  });
  const auto alice = client(pki().alice);
  ASSERT_TRUE(alice->send({}, soon()));
  Request request;
  request.method = "PATCH";
  const auto outcome = alice->send(request, Deadline::after(std::chrono::milliseconds{200}));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Code::timeout);
  EXPECT_EQ(outcome.error().sent, Sent::perhaps);
}

TEST_F(Http, CarriesWebSockets) {
  serve([](Exchange& exchange) {
    auto socket = exchange.accept_websocket("plain.kubevirt.io");
    if (!socket) return exchange.send({.status = 400, .headers = {}, .body = socket.error().message});
    for (;;) {
      auto message = (*socket)->receive(Deadline::never());
      if (!message || !*message) return;
      if (!(*socket)->send("echo " + **message)) return;
    }
  });
  const ClientTls tls{pki().ca.certificate_pem, pki().alice.certificate_pem, pki().alice.key_pem, {}};
  auto socket = connect_websocket(url_, tls, {}, "plain.kubevirt.io", soon());
  ASSERT_TRUE(socket) << socket.error().message;
  for (const std::string& text : {std::string{"one"}, std::string(500'000, 'y')}) {
    ASSERT_TRUE((*socket)->send(text));
    const auto reply = (*socket)->receive(soon());
    ASSERT_TRUE(reply && *reply);
    EXPECT_EQ(**reply, "echo " + text);
  }
  EXPECT_EQ((*socket)->receive(Deadline::after(std::chrono::milliseconds{20})).error().code, Code::timeout);
  server_.reset();
  EXPECT_FALSE((*socket)->receive(soon()).value_or(std::nullopt).has_value());
}

TEST_F(Http, RefusesWebSocketsWithTheReason) {
  serve([](Exchange& exchange) { exchange.send({.status = 404, .headers = {}, .body = "no such guest\n"}); });
  const ClientTls tls{pki().ca.certificate_pem, {}, {}, {}};
  const auto socket = connect_websocket(url_, tls, {}, "plain.kubevirt.io", soon());
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Code::not_found);
}

TEST(Message, EncodesAndDecodesTargets) {
  Request request;
  request.path = "/apis/a b/ü";
  request.query = {{"labelSelector", "a=b,c in (d)"}};
  Request back;
  decode_target(encode_target(request), back);
  EXPECT_EQ(back.path, request.path);
  EXPECT_EQ(back.query, request.query);
}

TEST(Certificates, CarryTheirSubject) {
  const auto subject = subject_of(pki().alice.certificate_pem);
  ASSERT_TRUE(subject);
  EXPECT_EQ(subject->common_name, "alice");
  EXPECT_EQ(subject->organizations, (std::vector<std::string>{"group-a", "group-b"}));
}

}  // namespace
}  // namespace godwit::http
