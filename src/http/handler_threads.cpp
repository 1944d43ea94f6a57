#include "http/handler_threads.hpp"

#include <system_error>

namespace godwit::http {

HandlerThreads::~HandlerThreads() {
  std::map<int, std::thread> threads;
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
    wake_.notify_all();
    threads.swap(threads_);
  }
  for (auto& [number, thread] : threads) thread.join();
  reap();
}

bool HandlerThreads::run(std::function<void()> task, int limit) {
  reap();
  const std::lock_guard lock{mutex_};
  if (ending_ || running_ + static_cast<int>(tasks_.size()) >= limit) return false;
  tasks_.push_back(std::move(task));
  if (idle_ >= static_cast<int>(tasks_.size())) {
    wake_.notify_one();
  } else {
    const int number = next_number_++;
    try {
      threads_.emplace(number, std::thread{[this, number] { work(number); }});
    } catch (const std::system_error&) {  // the machine gives no more threads
      tasks_.pop_back();
      return false;
    }
  }
  return true;
}

void HandlerThreads::work(int number) {
  std::unique_lock lock{mutex_};
  for (;;) {
    if (tasks_.empty()) {
      if (ending_ || idle_ >= kept_idle) break;
      ++idle_;
      wake_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) break;
    }
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    ++running_;
    lock.unlock();
    task();
    lock.lock();
    --running_;
  }
  if (const auto self = threads_.find(number); self != threads_.end()) {
    finished_.push_back(std::move(self->second));
    threads_.erase(self);
  }
}

void HandlerThreads::reap() {
  std::deque<std::thread> finished;
  {
    const std::lock_guard lock{mutex_};
    finished.swap(finished_);
  }
  for (std::thread& thread : finished) thread.join();
}

}  // namespace godwit::http
