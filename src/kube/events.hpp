// Events: what happened to an object, for people. Repeats are counted in one Event, not multiplied.
#pragma once

#include <string>
#include <string_view>

#include "kube/client.hpp"

namespace godwit::kube {

enum class EventType : unsigned char { normal, warning };

/// Thread-safe; writes in the background, in order; never blocks or fails its caller.
class EventRecorder {
 public:
  EventRecorder(const Client& client, std::string component, std::string host = {});
  ~EventRecorder();  ///< flushes what is queued, for at most a second
  void record(const json::Value& about, EventType type, std::string reason, std::string message);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace godwit::kube
