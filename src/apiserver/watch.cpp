#include <optional>

#include "apiserver/api_handler.hpp"
#include "apiserver/metadata.hpp"
#include "apiserver/presentation.hpp"
#include "apiserver/selectors.hpp"
#include "apiserver/status.hpp"
#include "base/text.hpp"

namespace godwit::apiserver {
namespace {

constexpr std::chrono::seconds bookmark_interval{30};

/// One watch: which objects, in which form.
struct Watch {
  const Kind& kind;
  Selector labels;
  Selector fields;
  Presentation form;
  bool bookmarks = false;

  [[nodiscard]] bool selects_all() const { return labels.empty() && fields.empty(); }
  [[nodiscard]] bool matches(const json::Value& stored) const {
    const auto object = kind.as_served(stored);
    return labels.matches(object) && fields.matches(object);
  }

  [[nodiscard]] std::string line(std::string_view type, const std::string& object_text) const {
    return "{\"type\":\"" + std::string{type} + "\",\"object\":" + object_text + "}\n";
  }

  [[nodiscard]] std::string event(std::string_view type, const store::Bytes& bytes, std::uint64_t revision) const {
    const auto object = form.object(bytes, revision);
    return object ? line(type, *object) : std::string{};
  }

  [[nodiscard]] std::string bookmark(std::uint64_t revision) const { return line("BOOKMARK", form.bookmark(revision)); }

  /// The event that the change is to this watch: an object that begins to match is added to it, and so on.
  [[nodiscard]] std::string translate(const store::Change& change) const {
    const auto type = change.type;
    const std::uint64_t revision = change.record.revision;
    if (selects_all()) {
      const std::string_view word = type == store::Change::Type::created    ? "ADDED"
                                    : type == store::Change::Type::modified ? "MODIFIED"
                                                                            : "DELETED";
      return event(word, change.record.value, revision);
    }
    const auto now = json::parse(*change.record.value);
    const auto before = change.previous ? json::parse(*change.previous) : Result<json::Value>{json::Value(nullptr)};
    const bool matches_now = type != store::Change::Type::removed && now && matches(*now);
    const bool matched = change.previous && before && matches(*before);
    if (matches_now) return event(matched ? "MODIFIED" : "ADDED", change.record.value, revision);
    if (!matched) return {};
    // The object goes out of sight as it was, with the version at which it did.
    json::Value last = *before;
    set_resource_version(last, revision);
    return event("DELETED", std::make_shared<const std::string>(json::write(last)), revision);
  }
};

void send_error(http::Exchange& exchange, const Error& error) {
  exchange.write("{\"type\":\"ERROR\",\"object\":" + json::write(status_of(error)) + "}\n");
  exchange.end();
}

Result<Watch> make_watch(const http::Request& request, const Kind& kind, const RequestInfo& info, const Clock& clock) {
  auto labels = Selector::labels(request.query_value("labelSelector"));
  if (!labels) return fail(labels.error());
  std::string field_text = request.query_value("fieldSelector");
  if (!info.name.empty()) field_text += (field_text.empty() ? "" : ",") + ("metadata.name=" + info.name);
  auto fields = Selector::fields(field_text, kind);
  if (!fields) return fail(fields.error());
  return Watch{.kind = kind,
               .labels = std::move(*labels),
               .fields = std::move(*fields),
               .form = Presentation{request, kind, clock},
               .bookmarks = request.query_value("allowWatchBookmarks") == "true"};
}

/// Sends what exists now; returns the revision from which to go on.
std::optional<std::uint64_t> send_present(http::Exchange& exchange, const Watch& watch, const store::Listing& listing) {
  for (const store::Record& record : listing.records) {
    if (!watch.selects_all()) {
      const auto object = json::parse(*record.value);
      if (!object || !watch.matches(*object)) continue;
    }
    if (!exchange.write(watch.event("ADDED", record.value, record.revision))) return std::nullopt;
  }
  return listing.revision;
}

void follow(http::Exchange& exchange, const Watch& watch, store::Watcher& watcher, Deadline end) {
  while (!exchange.stop().stop_requested() && !end.passed()) {
    const Duration left = end.at() - std::chrono::steady_clock::now();
    const auto changes = watcher.next(std::min<Duration>(bookmark_interval, left), exchange.stop());
    if (!changes) return send_error(exchange, changes.error());
    std::string lines;
    for (const store::Change& change : *changes) lines += watch.translate(change);
    if (changes->empty() && watch.bookmarks) lines = watch.bookmark(watcher.position());
    if (!lines.empty() && !exchange.write(lines)) return;
  }
  exchange.end();
}

}  // namespace

void serve_watch(http::Exchange& exchange, const Kind& kind, const RequestInfo& info, const Objects& objects,
                 const Clock& clock) {
  const http::Request& request = exchange.request();
  if (!request.query_value("sendInitialEvents").empty()) {  // clients fall back on list and watch
    return exchange.send(error_response(
        {Code::invalid, "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch: not built yet"}));
  }
  const auto watch = make_watch(request, kind, info, clock);
  if (!watch) return exchange.send(error_response(watch.error()));
  const auto seconds = parse_number<std::int64_t>(request.query_value("timeoutSeconds")).value_or(1800);
  const Deadline end = Deadline::after(std::chrono::seconds{std::max<std::int64_t>(1, seconds)});
  const std::string from = request.query_value("resourceVersion");
  const std::string prefix = kind.prefix(info.ns);
  exchange.begin(200, {{"content-type", "application/json"}});
  std::optional<std::uint64_t> revision;
  if (from.empty() || from == "0") {
    revision = send_present(exchange, *watch, objects.store().list(prefix));
    if (!revision) return;
  } else {
    revision = parse_number<std::uint64_t>(from);
    if (!revision) return send_error(exchange, {Code::bad_request, "invalid resource version: " + from});
  }
  auto watcher = objects.store().watch(prefix, *revision);
  if (!watcher) return send_error(exchange, watcher.error());
  follow(exchange, *watch, **watcher, end);
}

}  // namespace godwit::apiserver
