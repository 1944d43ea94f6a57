// What holds up guests and volumes: what of it is worth an event, and when to look again.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/clock.hpp"

namespace godwit::node {

/// Thread-safe.
class Troubles {
 public:
  struct Advice {
    bool tell = false;
    Duration look_again = {};
  };
  /// The object of that uid can't be served, in these words. `passing`: that may well pass by itself, as the binding of
  /// a claim does, and is told once it has lasted ten seconds. The same words are told once a minute at most.
  [[nodiscard]] Advice meet(const std::string& uid, const std::string& words, bool passing, Instant now);
  void over(const std::string& uid);

 private:
  struct Trouble {
    std::string words;
    Instant since;
    Instant met;
    Instant told = Instant::min();
  };
  std::mutex mutex_;
  std::map<std::string, Trouble> troubles_;
};

}  // namespace godwit::node
