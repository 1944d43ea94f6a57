#include "node/troubles.hpp"

namespace godwit::node {

Troubles::Advice Troubles::meet(const std::string& uid, const std::string& words, bool passing, Instant now) {
  constexpr std::chrono::seconds patience{10};
  constexpr std::chrono::minutes between_words{1};
  constexpr std::chrono::minutes remembered{10};
  const std::lock_guard lock{mutex_};
  std::erase_if(troubles_, [&](const auto& entry) { return now - entry.second.met > remembered; });  // it is gone
  auto& trouble = troubles_[uid];
  if (trouble.words != words) trouble = {.words = words, .since = now, .met = now};
  trouble.met = now;
  const auto lasted = now - trouble.since;
  Advice advice;
  advice.look_again = lasted < patience ? std::chrono::milliseconds{250} : std::chrono::milliseconds{3000};
  const bool told_lately = trouble.told != Instant::min() && now - trouble.told < between_words;
  advice.tell = !told_lately && (!passing || lasted >= patience);
  if (advice.tell) trouble.told = now;
  return advice;
}

void Troubles::over(const std::string& uid) {
  const std::lock_guard lock{mutex_};
  troubles_.erase(uid);
}

}  // namespace godwit::node
