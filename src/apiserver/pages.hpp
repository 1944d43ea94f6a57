// Lists in chunks (limit and continue): what a client has begun to read stays as it was when it began.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/store.hpp"

namespace godwit::apiserver {

struct Page {
  std::vector<store::Record> records;
  store::Revision revision = 0;
  std::string next = {};                       ///< the token of the next page; "" : this was the last
  std::optional<std::int64_t> remaining = {};  ///< after this page; only when all records are wanted
};

/// Why a list can't go on as it began, with the token by which it can go on as things are now.
struct Outdated {
  Error error;
  std::string next;
};

/// Thread-safe. Keeps what unfinished lists read, a few of them for five minutes.
class Pages {
 public:
  using Wanted = std::function<bool(const store::Record&)>;

  explicit Pages(const Clock& clock) : clock_{clock} {}
  /// At most `limit` records (0: all) below the prefix, from where `token` (may be "") stopped. Code::bad_request: no
  /// token of ours, or one of another list. Code::expired comes with a token.
  [[nodiscard]] tl::expected<Page, Outdated> read(const store::Store& store, const std::string& prefix,
                                                  std::size_t limit, const std::string& token, const Wanted& wanted);

 private:
  using Snapshot = std::shared_ptr<const store::Listing>;
  struct Kept {
    std::string prefix;
    Snapshot listing;
    Instant since;
  };
  [[nodiscard]] Snapshot find(const std::string& prefix, store::Revision revision);
  void keep(const std::string& prefix, const Snapshot& listing);

  const Clock& clock_;
  std::mutex mutex_;
  std::deque<Kept> kept_;  ///< oldest first
};

}  // namespace godwit::apiserver
