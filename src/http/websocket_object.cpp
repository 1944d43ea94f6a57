#include "http/websocket_pump.hpp"

namespace godwit::http {
namespace {

class PumpedWebSocket final : public WebSocket {
 public:
  explicit PumpedWebSocket(std::shared_ptr<WebSocketPump> pump) : pump_{std::move(pump)} {}
  ~PumpedWebSocket() override { close(); }

  Result<std::optional<std::string>> receive(Deadline deadline) override {
    std::unique_lock lock{pump_->mutex};
    const auto ready = [this] { return !pump_->received.empty() || pump_->finished || pump_->closing; };
    if (deadline.at() == Instant::max()) {
      pump_->changed.wait(lock, ready);
    } else if (!pump_->changed.wait_until(lock, deadline.at(), ready)) {
      return fail(Code::timeout, "no message came in time");
    }
    if (!pump_->received.empty()) {
      std::string message = std::move(pump_->received.front());
      pump_->received.pop_front();
      pump_->received_bytes -= message.size();
      pump_->room->signal();
      return message;
    }
    if (pump_->orderly || pump_->closing) return std::nullopt;
    return fail(Code::unavailable, "the connection broke");
  }

  Result<> send(std::string_view message) override {
    {
      std::unique_lock lock{pump_->mutex};
      pump_->changed.wait(
          lock, [this] { return pump_->finished || pump_->closing || pump_->outgoing_bytes < WebSocketPump::limit; });
      if (pump_->finished || pump_->closing) return fail(Code::unavailable, "the connection is closed");
      pump_->outgoing.emplace_back(message);
      pump_->outgoing_bytes += message.size();
    }
    pump_->to_send->signal();
    return {};
  }

  void close() override {
    {
      const std::lock_guard lock{pump_->mutex};
      pump_->closing = true;
      pump_->changed.notify_all();
    }
    pump_->to_send->signal();
    pump_->room->signal();
  }

 private:
  std::shared_ptr<WebSocketPump> pump_;
};

}  // namespace

std::unique_ptr<WebSocket> make_websocket(std::shared_ptr<WebSocketPump> pump) {
  return std::make_unique<PumpedWebSocket>(std::move(pump));
}

}  // namespace godwit::http
