#include "memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>

namespace godwit::guest {
namespace {

constexpr std::size_t mib_bytes = std::size_t{1} << 20;
constexpr std::size_t page_bytes = 4096;
constexpr std::size_t words_per_page = page_bytes / sizeof(std::uint64_t);

using Time = std::chrono::steady_clock;

long long milliseconds_since(Time::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Time::now() - start).count();
}

std::uint64_t next_word(std::uint64_t word) { return word * 6364136223846793005 + 1442695040888963407; }

}  // namespace

Region::Region(std::size_t bytes) {
  if (bytes == 0) return;
  void* start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return;
  words_ = static_cast<std::uint64_t*>(start);
  bytes_ = bytes;
}

Region::~Region() {
  if (words_ != nullptr) munmap(words_, bytes_);
}

std::string Pattern::set(std::size_t mib, std::uint64_t seed) {
  const std::lock_guard lock{mutex_};
  const auto start = Time::now();
  region_.reset();
  region_ = std::make_unique<Region>(mib * mib_bytes);
  if (region_->size() == 0) return "error not enough memory for " + std::to_string(mib) + " MiB";
  seed_ = seed;
  std::uint64_t word = seed;
  for (std::size_t i = 0; i < region_->word_count(); ++i) region_->words()[i] = word = next_word(word);
  return "ok mib=" + std::to_string(mib) + " seed=" + std::to_string(seed) +
         " ms=" + std::to_string(milliseconds_since(start));
}

std::string Pattern::verify() {
  const std::lock_guard lock{mutex_};
  if (!region_) return "error no pattern is set";
  const auto start = Time::now();
  std::uint64_t errors = 0;
  std::uint64_t word = seed_;
  for (std::size_t i = 0; i < region_->word_count(); ++i) {
    word = next_word(word);
    if (region_->words()[i] != word) ++errors;
  }
  return "ok mib=" + std::to_string(region_->size() / mib_bytes) + " errors=" + std::to_string(errors) +
         " ms=" + std::to_string(milliseconds_since(start));
}

std::string Pattern::clear() {
  const std::lock_guard lock{mutex_};
  region_.reset();
  return "ok";
}

std::string Dirtier::start(std::size_t region_mb, std::size_t rate_mb_s) {
  (void)stop();
  if (region_mb == 0 || rate_mb_s == 0) return "ok " + describe();
  const std::lock_guard lock{mutex_};
  region_ = std::make_unique<Region>(region_mb * mib_bytes);
  if (region_->size() == 0) return "error not enough memory for " + std::to_string(region_mb) + " MiB";
  pages_written_ = 0;
  errors_ = 0;
  region_mb_ = region_mb;
  rate_mb_s_ = rate_mb_s;
  thread_ = std::jthread{[this, rate_mb_s](const std::stop_token& token) { work(token, rate_mb_s); }};
  return "ok " + describe();
}

std::string Dirtier::stop() {
  const std::lock_guard lock{mutex_};
  thread_ = {};
  rate_mb_s_ = 0;
  region_.reset();
  return "ok " + describe();
}

void Dirtier::work(const std::stop_token& stop, std::size_t rate_mb_s) {
  const std::size_t pages = region_->size() / page_bytes;
  const double pages_per_ms = static_cast<double>(rate_mb_s * mib_bytes) / page_bytes / 1000;
  std::uint64_t round = 1;
  std::size_t page = 0;
  double due = 0;
  auto last = Time::now();
  while (!stop.stop_requested()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    const auto now = Time::now();
    const auto elapsed = std::chrono::duration<double, std::milli>(now - last).count();
    last = now;
    due = std::min(due + pages_per_ms * elapsed, pages_per_ms * 100);  // after a pause: no more than 100 ms at once
    for (; due >= 1 && !stop.stop_requested(); due -= 1) {
      std::uint64_t& word = region_->words()[page * words_per_page];
      if (word != (round == 1 ? 0 : next_word(page ^ ((round - 1) << 32)))) errors_ += 1;
      word = next_word(page ^ (round << 32));
      pages_written_ += 1;
      if (++page == pages) page = 0, ++round;
    }
  }
}

std::string Dirtier::describe() const {
  return "region_mb=" + std::to_string(region_mb_.load()) + " rate_mb_s=" + std::to_string(rate_mb_s_.load()) +
         " pages=" + std::to_string(pages_written_.load()) + " errors=" + std::to_string(errors_.load());
}

}  // namespace godwit::guest
