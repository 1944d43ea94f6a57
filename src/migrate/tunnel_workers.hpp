// Threads of a tunnel's connections: started as connections come, reaped when they have ended. Private to the tunnel.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <thread>

namespace godwit::migrate {

/// Used by one thread. Destruction joins all: whoever owns it has raised the session's stop, or knows that all have
/// ended.
class Workers {
 public:
  void start(std::function<void()> work) {
    auto done = std::make_shared<std::atomic<bool>>(false);
    workers_.push_back({std::jthread{[work = std::move(work), done] {
                          work();
                          *done = true;
                        }},
                        done});
  }
  void reap() {
    workers_.remove_if([](const Worker& worker) { return worker.done->load(); });
  }
  [[nodiscard]] std::size_t count() const { return workers_.size(); }

 private:
  struct Worker {
    std::jthread thread;
    std::shared_ptr<std::atomic<bool>> done;
  };
  std::list<Worker> workers_;
};

}  // namespace godwit::migrate
