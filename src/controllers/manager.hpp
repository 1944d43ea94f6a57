// All controllers and the scheduler, as one plain client of an API server.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "http/client.hpp"

namespace godwit::controllers {

struct Options {
  Duration sync_timeout = std::chrono::seconds{60};  ///< for the first lists
};

class Manager {
 public:
  /// Returns once all informers have synced and the workers run. Code::timeout names the kind that didn't sync.
  [[nodiscard]] static Result<std::unique_ptr<Manager>> start(std::shared_ptr<http::Client> transport,
                                                              Options options = {});
  ~Manager();  ///< stops and joins everything
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

 private:
  struct State;
  explicit Manager(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace godwit::controllers
