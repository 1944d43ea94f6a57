#include "qemu/qmp_message.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace godwit::qemu {
namespace {

Code code_of_class(std::string_view error_class) {
  if (error_class == "CommandNotFound") return Code::not_found;
  if (error_class == "DeviceNotFound") return Code::not_found;
  return Code::invalid;
}

Greeting greeting_of(const json::Value& message) {
  Greeting greeting;
  greeting.version =
      fmt::format("{}.{}.{}", json::int_at(message, "/QMP/version/qemu/major"),
                  json::int_at(message, "/QMP/version/qemu/minor"), json::int_at(message, "/QMP/version/qemu/micro"));
  const json::Array& offered = json::array_at(message, "/QMP/capabilities");
  greeting.oob = std::any_of(offered.begin(), offered.end(), [](const json::Value& v) { return v == "oob"; });
  return greeting;
}

Event event_of(const json::Value& message) {
  Event event;
  event.name = json::string_at(message, "/event");
  if (const json::Value* data = json::find(message, "/data"); data != nullptr) event.data = *data;
  event.timestamp = WallTime{std::chrono::seconds{json::int_at(message, "/timestamp/seconds")} +
                             std::chrono::microseconds{json::int_at(message, "/timestamp/microseconds")}};
  return event;
}

}  // namespace

Result<QmpMessage> parse_qmp(std::string_view line) {
  auto message = json::parse(line);
  if (!message) return fail(message.error().within("a line of the monitor"));
  if (!message->is_object()) return fail(Code::bad_request, "a line of the monitor is no object");
  const json::Object& object = message->get_object();
  if (object.contains("QMP")) return QmpMessage{greeting_of(*message)};
  if (object.contains("event")) return QmpMessage{event_of(*message)};
  const std::int64_t id = json::int_at(*message, "/id");
  if (object.contains("error")) {
    const Code code = code_of_class(json::string_at(*message, "/error/class"));
    return QmpMessage{Reply{id, fail(code, json::string_at(*message, "/error/desc", "the monitor gave no reason"))}};
  }
  if (const json::Value* value = json::find(*message, "/return"); value != nullptr)
    return QmpMessage{Reply{id, *value}};
  return QmpMessage{Unknown{}};
}

std::string write_command(std::string_view command, const json::Value& arguments, std::int64_t id, bool oob) {
  json::Object message;
  message[oob ? "exec-oob" : "execute"] = command;
  if (arguments.is_object() && !arguments.get_object().empty()) message["arguments"] = arguments;
  message["id"] = id;
  return json::write(message) + "\n";
}

}  // namespace godwit::qemu
