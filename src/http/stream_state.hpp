// One request in flight: what its handler (a blocking thread) and its connection (a coroutine) share. Internal.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "http/server.hpp"

namespace godwit::http {

/// Bytes a handler may be ahead of its peer.
inline constexpr std::size_t stream_window = 256U << 10U;

class StreamState {
 public:
  StreamState(Request request, std::function<void()> wake) : request_{std::move(request)}, wake_{std::move(wake)} {}

  // The handler's side; any thread.
  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }
  void begin(int status, Headers headers);
  bool write(std::string_view bytes);
  void end();
  [[nodiscard]] bool begun() const;
  /// Asks the connection for a WebSocket and waits for it.
  [[nodiscard]] Result<std::unique_ptr<WebSocket>> wait_for_websocket(std::string_view subprotocol);

  // The connection's side.
  struct Head {
    int status = 0;
    Headers headers;
  };
  [[nodiscard]] std::optional<Head> head() const;
  [[nodiscard]] std::optional<std::string> upgrade_wanted() const;
  void upgraded(Result<std::unique_ptr<WebSocket>> websocket);
  /// Takes up to `limit` bytes of what is to be sent; sets `last` when nothing more will come.
  [[nodiscard]] std::string take(std::size_t limit, bool& last);
  [[nodiscard]] bool has_output() const;
  /// The peer is gone or the server ends.
  void abandon();

 private:
  const Request request_;
  const std::function<void()> wake_;
  std::stop_source stop_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::optional<Head> head_;
  std::string output_;
  bool ended_ = false;
  bool gone_ = false;
  std::optional<std::string> upgrade_wanted_;
  std::optional<Result<std::unique_ptr<WebSocket>>> websocket_;
};

/// Runs the handler on the calling thread, and sees to it that some answer is sent.
void run_handler(const Handler& handler, const std::shared_ptr<StreamState>& stream);

}  // namespace godwit::http
