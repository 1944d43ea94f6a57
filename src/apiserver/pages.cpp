#include "apiserver/pages.hpp"

#include <algorithm>

#include "base/base64.hpp"
#include "json/value.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::size_t most_kept = 32;
constexpr std::chrono::minutes kept_for{5};
constexpr std::int64_t as_it_is_now = -1;
constexpr auto outdated_text =
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list.";

struct Place {
  std::int64_t revision = as_it_is_now;
  std::string after;  ///< the key that was sent last, without the prefix
};

std::string token_of(const Place& place) {
  return base64_encode(
      json::write(json::Object{{"v", "meta.k8s.io/v1"}, {"rv", place.revision}, {"start", place.after}}));
}

std::optional<Place> place_of(const std::string& token) {
  const auto text = base64_decode(token);
  const auto value = text ? json::parse(*text) : Result<json::Value>{fail(Code::invalid, "")};
  if (!value || json::string_at(*value, "/v") != "meta.k8s.io/v1") return std::nullopt;
  return Place{json::int_at(*value, "/rv"), json::string_at(*value, "/start")};
}

}  // namespace

Pages::Snapshot Pages::find(const std::string& prefix, store::Revision revision) {
  const std::lock_guard lock{mutex_};
  for (const Kept& kept : kept_) {
    if (kept.listing->revision == revision && kept.prefix == prefix) return kept.listing;
  }
  return nullptr;
}

void Pages::keep(const std::string& prefix, const Snapshot& listing) {
  const auto now = clock_.now();
  const std::lock_guard lock{mutex_};
  std::erase_if(kept_, [&](const Kept& kept) {
    return now - kept.since > kept_for || (kept.prefix == prefix && kept.listing->revision == listing->revision);
  });
  if (kept_.size() >= most_kept) kept_.pop_front();
  kept_.push_back({prefix, listing, now});
}

tl::expected<Page, Outdated> Pages::read(const store::Store& store, const std::string& prefix, std::size_t limit,
                                         const std::string& token, const Wanted& wanted) {
  Place place;
  Snapshot listing;
  if (!token.empty()) {
    const auto given = place_of(token);
    if (!given) return tl::unexpected(Outdated{{Code::bad_request, "continue key is not valid"}, {}});
    place = *given;
    if (place.revision != as_it_is_now) {
      listing = find(prefix, static_cast<store::Revision>(place.revision));
      if (listing == nullptr) {
        return tl::unexpected(Outdated{{Code::expired, outdated_text}, token_of({as_it_is_now, place.after})});
      }
    }
  }
  if (listing == nullptr) listing = std::make_shared<const store::Listing>(store.list(prefix));
  const auto& all = listing->records;
  auto at = token.empty()
                ? all.begin()
                : std::upper_bound(all.begin(), all.end(), prefix + place.after,
                                   [](const std::string& key, const auto& record) { return key < record.key; });
  Page page{.records = {}, .revision = listing->revision};
  for (; at != all.end() && (limit == 0 || page.records.size() < limit); ++at) {
    if (!wanted || wanted(*at)) page.records.push_back(*at);
  }
  if (at == all.end() || page.records.empty()) return page;
  page.next = token_of({static_cast<std::int64_t>(listing->revision), page.records.back().key.substr(prefix.size())});
  if (!wanted) page.remaining = all.end() - at;
  keep(prefix, listing);
  return page;
}

}  // namespace godwit::apiserver
