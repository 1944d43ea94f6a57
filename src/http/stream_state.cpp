#include "http/stream_state.hpp"

#include <exception>

#include "base/log.hpp"

namespace godwit::http {

void StreamState::begin(int status, Headers headers) {
  {
    const std::lock_guard lock{mutex_};
    if (head_) return;
    head_ = Head{status, std::move(headers)};
  }
  wake_();
}

bool StreamState::write(std::string_view bytes) {
  bool was_empty = false;
  {
    std::unique_lock lock{mutex_};
    room_.wait(lock, [this] { return gone_ || output_.size() < stream_window; });
    if (gone_ || ended_) return false;
    was_empty = output_.empty();
    output_.append(bytes);
  }
  if (was_empty) wake_();  // else the connection has yet to come for what is there
  return true;
}

void StreamState::end() {
  {
    const std::lock_guard lock{mutex_};
    ended_ = true;
  }
  wake_();
}

bool StreamState::begun() const {
  const std::lock_guard lock{mutex_};
  return head_.has_value() || websocket_.has_value();
}

Result<std::unique_ptr<WebSocket>> StreamState::wait_for_websocket(std::string_view subprotocol) {
  {
    const std::lock_guard lock{mutex_};
    upgrade_wanted_ = std::string{subprotocol};
  }
  wake_();
  std::unique_lock lock{mutex_};
  room_.wait(lock, [this] { return gone_ || websocket_.has_value(); });
  if (!websocket_) return fail(Code::unavailable, "the client is gone");
  return std::move(*websocket_);
}

std::optional<StreamState::Head> StreamState::head() const {
  const std::lock_guard lock{mutex_};
  return head_;
}

std::optional<std::string> StreamState::upgrade_wanted() const {
  const std::lock_guard lock{mutex_};
  return upgrade_wanted_;
}

void StreamState::upgraded(Result<std::unique_ptr<WebSocket>> websocket) {
  const std::lock_guard lock{mutex_};
  websocket_ = std::move(websocket);
  room_.notify_all();
}

std::string StreamState::take(std::size_t limit, bool& last) {
  const std::lock_guard lock{mutex_};
  std::string taken;
  if (output_.size() <= limit) {
    taken.swap(output_);
  } else {
    taken = output_.substr(0, limit);
    output_.erase(0, limit);
  }
  last = ended_ && output_.empty();
  room_.notify_all();
  return taken;
}

bool StreamState::has_output() const {
  const std::lock_guard lock{mutex_};
  return !output_.empty() || ended_;
}

void StreamState::abandon() {
  stop_.request_stop();  // first: whoever sees a write fail sees this too
  const std::lock_guard lock{mutex_};
  gone_ = true;
  output_.clear();
  room_.notify_all();
}

namespace {

class StreamExchange final : public Exchange {
 public:
  explicit StreamExchange(std::shared_ptr<StreamState> stream) : stream_{std::move(stream)} {}
  ~StreamExchange() override {
    if (!stream_->begun()) send({.status = 500, .headers = {}, .body = "no answer\n"});
    stream_->end();
  }
  const Request& request() const override { return stream_->request(); }
  std::stop_token stop() const override { return stream_->stop(); }

  void send(Response response) override {
    if (response.status != 204 && response.status != 304) {
      response.headers.set("content-length", std::to_string(response.body.size()));
    }
    stream_->begin(response.status, std::move(response.headers));
    if (!response.body.empty()) stream_->write(response.body);
    stream_->end();
  }
  void begin(int status, Headers headers) override { stream_->begin(status, std::move(headers)); }
  bool write(std::string_view bytes) override { return stream_->write(bytes); }
  void end() override { stream_->end(); }
  Result<std::unique_ptr<WebSocket>> accept_websocket(std::string_view subprotocol) override {
    return stream_->wait_for_websocket(subprotocol);
  }

 private:
  std::shared_ptr<StreamState> stream_;
};

}  // namespace

void run_handler(const Handler& handler, const std::shared_ptr<StreamState>& stream) {
  StreamExchange exchange{stream};
  try {
    handler(exchange);
  } catch (const std::exception& broken) {
    Log{"http"}.error("{} {}: {}", stream->request().method, stream->request().path, broken.what());
  }
}

}  // namespace godwit::http
