// Many requests on one HTTP/2 connection, with libcurl as the peer.
#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "base/process.hpp"
#include "http/fixture_test.hpp"

namespace godwit::http {
namespace {

/// Transfers that share one connection.
class Multiplexed {
 public:
  explicit Multiplexed(std::string url) : url_{std::move(url)} {
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
    curl_multi_setopt(multi_, CURLMOPT_MAX_CONCURRENT_STREAMS, 250L);
  }
  Multiplexed(const Multiplexed&) = delete;
  Multiplexed& operator=(const Multiplexed&) = delete;
  ~Multiplexed() {
    for (auto& transfer : transfers_) end(*transfer);
    curl_multi_cleanup(multi_);
  }

  struct Transfer {
    CURL* handle = nullptr;
    std::string body;
    bool done = false;
    CURLcode code = CURLE_OK;
  };
  Transfer& request(const char* method = "GET") {
    auto& transfer = *transfers_.emplace_back(std::make_unique<Transfer>());
    transfer.handle = curl_easy_init();
    curl_easy_setopt(transfer.handle, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(transfer.handle, CURLOPT_NOBODY, std::string_view{method} == "HEAD" ? 1L : 0L);
    curl_easy_setopt(transfer.handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(transfer.handle, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(transfer.handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(transfer.handle, CURLOPT_WRITEFUNCTION, &append);
    curl_easy_setopt(transfer.handle, CURLOPT_WRITEDATA, &transfer.body);
    curl_easy_setopt(transfer.handle, CURLOPT_PRIVATE, &transfer);
    curl_multi_add_handle(multi_, transfer.handle);
    return transfer;
  }
  /// Ends a transfer: its stream is reset when it runs.
  void end(Transfer& transfer) {
    if (transfer.handle == nullptr) return;
    curl_multi_remove_handle(multi_, transfer.handle);
    curl_easy_cleanup(std::exchange(transfer.handle, nullptr));
  }
  /// Moves bytes until the condition holds; false after a generous while.
  bool run_until(const std::function<bool()>& condition) {
    const Deadline deadline = Deadline::after(seconds{30});
    for (;;) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      collect();
      if (condition()) return true;
      if (deadline.passed()) return false;
      curl_multi_poll(multi_, nullptr, 0, 20, nullptr);
    }
  }

 private:
  static std::size_t append(char* data, std::size_t, std::size_t size, void* body) {
    static_cast<std::string*>(body)->append(data, size);
    return size;
  }
  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      transfer->done = true;
      transfer->code = message->data.result;
    }
  }
  std::string url_;
  CURLM* multi_ = curl_multi_init();
  std::vector<std::unique_ptr<Transfer>> transfers_;
};

using Http2 = Http;

TEST_F(Http2, TwoHundredWatchesOnOneConnection) {
  std::mutex mutex;
  std::set<std::string> connections;
  std::atomic<int> running = 0;
  serve([&](Exchange& exchange) {
    {
      const std::lock_guard lock{mutex};
      connections.insert(exchange.request().remote_address);
    }
    ++running;
    exchange.begin(200, {});
    exchange.write("x");
    (void)sleep_for(seconds{600}, exchange.stop());
    --running;
  });
  Multiplexed peer{url_};
  std::vector<Multiplexed::Transfer*> watches;
  for (int i = 0; i < 200; ++i) watches.push_back(&peer.request());
  EXPECT_TRUE(peer.run_until(
      [&] { return std::all_of(watches.begin(), watches.end(), [](const auto* w) { return w->body == "x"; }); }));
  EXPECT_EQ(running, 200);
  EXPECT_EQ(connections.size(), 1U);
  server_.reset();
  EXPECT_EQ(running, 0);
}

TEST_F(Http2, ThousandsOfRequestsOneAfterTheOther) {
  serve([](Exchange& exchange) { exchange.send({.status = 200, .headers = {}, .body = std::string(6700, 'x')}); });
  Multiplexed peer{url_};
  for (int i = 0; i < 3000; ++i) {
    auto& transfer = peer.request();
    ASSERT_TRUE(peer.run_until([&] { return transfer.done; }));
    ASSERT_EQ(transfer.code, CURLE_OK) << "request " << i << ": " << curl_easy_strerror(transfer.code);
    ASSERT_EQ(transfer.body.size(), 6700U);
    peer.end(transfer);
  }
}

TEST_F(Http2, AStreamThatNobodyReadsHoldsItsHandlerBackAndNobodyElse) {
  std::atomic<std::size_t> written = 0;
  serve([&](Exchange& exchange) {
    if (written > 0) return exchange.send({.status = 200, .headers = {}, .body = "quick"});
    exchange.begin(200, {});
    const std::string part(64U << 10U, 'x');
    while (written < (512U << 20U) && exchange.write(part)) written += part.size();
  });
  Multiplexed peer{url_};
  auto& stuck = peer.request();
  ASSERT_TRUE(peer.run_until([&] { return !stuck.body.empty(); }));
  curl_easy_pause(stuck.handle, CURLPAUSE_RECV);
  auto& quick = peer.request();
  ASSERT_TRUE(peer.run_until([&] { return quick.done; }));
  EXPECT_EQ(quick.body, "quick");
  EXPECT_LT(written, 512U << 20U) << "the server queued what nobody took";
  server_.reset();
}

TEST_F(Http2, HeadHasNoBody) {
  serve([](Exchange& exchange) { exchange.send({.status = 200, .headers = {}, .body = "body"}); });
  Multiplexed peer{url_};
  for (int i = 0; i < 2; ++i) {
    auto& transfer = peer.request("HEAD");
    ASSERT_TRUE(peer.run_until([&] { return transfer.done; }));
    EXPECT_EQ(transfer.code, CURLE_OK) << curl_easy_strerror(transfer.code);
    EXPECT_EQ(transfer.body, "");
  }
}

TEST_F(Http2, LimitsBodiesAndHeaders) {
  serve([](Exchange& exchange) { exchange.send({.status = 200, .headers = {}, .body = "fine"}); });
  const auto curl = [&](std::vector<std::string> more, const std::string& input = {}) {
    std::vector<std::string> argv{"curl", "-sk", "--http2", "-o", "/dev/null", "-w", "%{http_code}", url_ + "/"};
    argv.insert(argv.end(), more.begin(), more.end());
    return run_program({.argv = argv}, soon(), input).value_or(Output{}).out;
  };
  if (curl({}) != "200") GTEST_SKIP() << "no curl program with HTTP/2";
  EXPECT_EQ(curl({"--data-binary", "@-"}, std::string(300'000, 'x')), "413");
  std::vector<std::string> headers;
  for (int i = 0; i < 40; ++i) {
    headers.insert(headers.end(), {"-H", "x-" + std::to_string(i) + ": " + std::string(3000, 'y')});
  }
  EXPECT_NE(curl(headers), "200");
  EXPECT_EQ(curl({}), "200");
}

}  // namespace
}  // namespace godwit::http
