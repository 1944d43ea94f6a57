#include "kube/events.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/random.hpp"
#include "kube/event_counts.hpp"
#include "kube/request.hpp"

namespace godwit::kube {
namespace {

constexpr Duration write_timeout = std::chrono::seconds{1};
constexpr std::size_t most_queued = 1000;  // beyond, the oldest is dropped: events are for people

}  // namespace

struct EventRecorder::State {
  State(const Client& c, const std::string& component, const std::string& host)
      : client{c}, counts{component, host}, log{component + " events"} {}

  Client client;
  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<Occurrence> queued;
  Instant give_up = Instant::max();  // set by the destructor
  EventCounts counts;                // the writer's
  Log log;
  std::jthread writer;  // last: ends before the rest goes

  std::optional<Occurrence> take(const std::stop_token& stop) {
    std::unique_lock lock{mutex};
    changed.wait(lock, stop, [this] { return !queued.empty(); });
    if (queued.empty() || std::chrono::steady_clock::now() >= give_up) return std::nullopt;
    auto next = std::move(queued.front());
    queued.pop_front();
    return next;
  }

  void run(const std::stop_token& stop) {
    while (const auto occurrence = take(stop)) {
      const auto name = fmt::format("{}.{}", json::string_at(occurrence->involved, "/name"), random_token(16));
      write(counts.next(*occurrence, name));
    }
  }

  void write(const EventCounts::Write& event) {
    if (event.count > 1) {
      const json::Value repeat =
          json::Object{{"count", event.count}, {"lastTimestamp", json::string_at(event.body, "/lastTimestamp")}};
      const auto patched = send_json(client.transport(),
                                     write_request("PATCH", path_of(resources::events, event.key.ns, event.key.name),
                                                   repeat, content_type_of(PatchType::merge)),
                                     Deadline::after(write_timeout));
      if (patched || patched.error().error.code != Code::not_found) return;
    }
    const auto created =
        send_json(client.transport(), write_request("POST", path_of(resources::events, event.key.ns), event.body),
                  Deadline::after(write_timeout));
    if (!created) log.debug("event {} was not written: {}", event.key.text(), created.error().error.message);
  }
};

EventRecorder::EventRecorder(const Client& client, std::string component, std::string host)
    : state_{std::make_shared<State>(client, component, host)} {
  state_->writer = std::jthread{[state = state_.get()](const std::stop_token& stop) { state->run(stop); }};
}

EventRecorder::~EventRecorder() {
  {
    const std::lock_guard lock{state_->mutex};
    state_->give_up = std::chrono::steady_clock::now() + write_timeout;
  }
  state_->writer.request_stop();  // the writer ends once the queue is empty, or at give_up
  if (state_->writer.joinable()) state_->writer.join();
}

void EventRecorder::record(const json::Value& about, EventType type, std::string reason, std::string message) {
  Occurrence occurrence{reference_to(about), type == EventType::normal ? "Normal" : "Warning", std::move(reason),
                        std::move(message), std::chrono::system_clock::now()};
  const std::lock_guard lock{state_->mutex};
  if (state_->queued.size() >= most_queued) state_->queued.pop_front();
  state_->queued.push_back(std::move(occurrence));
  state_->changed.notify_one();
}

}  // namespace godwit::kube
