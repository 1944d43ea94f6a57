#include "node/log_stream.hpp"

#include "base/text.hpp"

namespace godwit::node {
namespace {

bool is_true(const http::Request& request, std::string_view name) {
  const std::string value = request.query_value(name);
  return value == "true" || value == "1";
}

Result<std::optional<std::int64_t>> count_of(const http::Request& request, const std::string& name,
                                             std::int64_t least) {
  const std::string text = request.query_value(name);
  if (text.empty()) return std::nullopt;
  const auto number = parse_number<std::int64_t>(text);
  if (!number || *number < least)
    return fail(Code::bad_request,
                name + ": Invalid value: \"" + text + "\": must be a number of at least " + std::to_string(least));
  return number;
}

}  // namespace

Result<LogSelection> log_selection_of(const http::Request& request, WallTime now) {
  LogSelection selection{.follow = is_true(request, "follow"), .timestamps = is_true(request, "timestamps")};
  const auto tail = count_of(request, "tailLines", 0);
  if (!tail) return fail(tail.error());
  if (*tail) selection.tail_lines = static_cast<std::size_t>(**tail);
  const auto limit = count_of(request, "limitBytes", 1);
  if (!limit) return fail(limit.error());
  if (*limit) selection.limit_bytes = static_cast<std::size_t>(**limit);
  const auto seconds = count_of(request, "sinceSeconds", 1);
  if (!seconds) return fail(seconds.error());
  if (*seconds) selection.since = now - std::chrono::seconds{**seconds};
  if (const std::string text = request.query_value("sinceTime"); !text.empty()) {
    const auto time = parse_time(text);
    if (!time) return fail(Code::bad_request, "sinceTime: " + time.error().message);
    selection.since = *time;
  }
  return selection;
}

void serve_pod_log(http::Exchange& exchange, const PodLogs& logs, const std::string& pod_uid,
                   const std::function<bool()>& is_live) {
  const auto selection = log_selection_of(exchange.request(), std::chrono::system_clock::now());
  if (!selection) return exchange.send({.status = 400, .headers = {}, .body = selection.error().message});
  bool begun = false;
  const auto begin = [&] {
    if (!begun) exchange.begin(200, {{"content-type", "text/plain"}});
    begun = true;
  };
  const auto done = logs.stream(
      pod_uid, *selection, is_live,
      [&](std::string_view text) {
        begin();
        return exchange.write(text);
      },
      exchange.stop());
  if (!done) return exchange.send({.status = 404, .headers = {}, .body = done.error().message});
  begin();
  exchange.end();
}

}  // namespace godwit::node
