// Which Event an occurrence becomes: a new object, or a higher count in one that exists. Pure.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "kube/client.hpp"

namespace godwit::kube {

struct Occurrence {
  json::Value involved;  ///< an ObjectReference
  std::string type;      ///< "Normal" or "Warning"
  std::string reason;
  std::string message;
  WallTime at;
};

/// The ObjectReference of an object as it was read.
[[nodiscard]] json::Value reference_to(const json::Value& object);

/// Remembers the last thousand different occurrences.
class EventCounts {
 public:
  EventCounts(std::string component, std::string host) : component_{std::move(component)}, host_{std::move(host)} {}

  struct Write {
    Key key;           ///< of the Event
    int count = 1;     ///< more than 1: patch count and lastTimestamp of the existing one
    json::Value body;  ///< the whole Event; for a repeat, whoever finds it gone creates this
  };
  /// `fresh_name` becomes the name if a new Event is needed.
  [[nodiscard]] Write next(const Occurrence& occurrence, std::string_view fresh_name);

 private:
  struct Known {
    Key key;
    int count = 0;
    WallTime first;
  };
  std::string component_;
  std::string host_;
  std::map<std::string, Known> known_;
  std::deque<std::string> order_;
};

}  // namespace godwit::kube
