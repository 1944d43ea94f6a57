// Threads for blocking handlers: one per running request, idle ones are kept for the next. Internal.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace godwit::http {

class HandlerThreads {
 public:
  HandlerThreads() = default;
  HandlerThreads(const HandlerThreads&) = delete;
  HandlerThreads& operator=(const HandlerThreads&) = delete;
  ~HandlerThreads();  ///< joins: whoever destroys it has told the tasks to stop

  /// False when `limit` tasks run already.
  bool run(std::function<void()> task, int limit);

 private:
  void work(int number);
  void reap();

  static constexpr int kept_idle = 16;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::map<int, std::thread> threads_;
  std::deque<std::thread> finished_;
  int next_number_ = 0;
  int idle_ = 0;
  int running_ = 0;
  bool ending_ = false;
};

}  // namespace godwit::http
