// Notices the end of a process, our child or not. For this folder's own use.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "qemu/machine.hpp"

namespace godwit::qemu {

/// The last lines of a log file, at most a couple of kilobytes.
[[nodiscard]] std::string last_words(const std::filesystem::path& log);

/// Watches on a thread of its own from construction to destruction; reaps the process if it is our child.
class DeathWatch {
 public:
  /// `on_exit` is called once, on the thread, when the process is dead and `before_exit` has returned.
  DeathWatch(UniqueFd pidfd, std::filesystem::path log, std::function<void()> before_exit,
             std::function<void(const MachineExit&)> on_exit);
  ~DeathWatch();
  DeathWatch(const DeathWatch&) = delete;
  DeathWatch& operator=(const DeathWatch&) = delete;

  [[nodiscard]] bool alive() const;
  [[nodiscard]] std::optional<MachineExit> exit() const;
  Result<MachineExit> wait(Deadline deadline);
  Result<> signal(int number);

 private:
  void run();
  UniqueFd pidfd_;
  UniqueFd wake_;
  std::filesystem::path log_;
  std::function<void()> before_exit_;
  std::function<void(const MachineExit&)> on_exit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<MachineExit> exit_;
  std::jthread thread_;
};

}  // namespace godwit::qemu
