#include "kube/event_counts.hpp"

#include <fmt/format.h>

namespace godwit::kube {
namespace {

constexpr std::size_t most_remembered = 1000;
constexpr std::size_t longest_message = 1024;  // Kubernetes refuses longer ones

}  // namespace

json::Value reference_to(const json::Value& object) {
  json::Object reference;
  for (const auto* field : {"kind", "apiVersion"}) {
    if (const auto text = json::string_at(object, fmt::format("/{}", field)); !text.empty()) reference[field] = text;
  }
  for (const auto* field : {"namespace", "name", "uid", "resourceVersion"}) {
    if (const auto text = json::string_at(object, fmt::format("/metadata/{}", field)); !text.empty()) {
      reference[field] = text;
    }
  }
  return reference;
}

EventCounts::Write EventCounts::next(const Occurrence& occurrence, std::string_view fresh_name) {
  const auto& about = occurrence.involved;
  const auto message = occurrence.message.substr(0, longest_message);
  const auto identity = fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", json::string_at(about, "/kind"),
                                    json::string_at(about, "/namespace"), json::string_at(about, "/name"),
                                    json::string_at(about, "/uid"), occurrence.type, occurrence.reason, message);
  auto [found, is_new] = known_.try_emplace(identity);
  Known& known = found->second;
  if (is_new) {
    // Events of cluster-scoped objects live in "default".
    known.key = Key{json::string_at(about, "/namespace", "default"), std::string{fresh_name}};
    known.first = occurrence.at;
    order_.push_back(identity);
    if (order_.size() > most_remembered) {
      known_.erase(order_.front());
      order_.pop_front();
    }
  }
  ++known.count;

  json::Object body;
  body["apiVersion"] = "v1";
  body["kind"] = "Event";
  body["metadata"] = json::Object{{"namespace", known.key.ns}, {"name", known.key.name}};
  body["involvedObject"] = about;
  body["type"] = occurrence.type;
  body["reason"] = occurrence.reason;
  body["message"] = message;
  body["firstTimestamp"] = format_time(known.first);
  body["lastTimestamp"] = format_time(occurrence.at);
  body["count"] = known.count;
  body["source"] = host_.empty() ? json::Object{{"component", component_}}
                                 : json::Object{{"component", component_}, {"host", host_}};
  body["reportingComponent"] = component_;
  body["reportingInstance"] = host_;
  return Write{known.key, known.count, std::move(body)};
}

}  // namespace godwit::kube
