// What a line of a monitor says. Pure; for this folder's own use.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "json/value.hpp"
#include "qemu/qmp_session.hpp"

namespace godwit::qemu {

struct Greeting {
  std::string version;
  bool oob = false;
};
struct Reply {
  std::int64_t id = 0;  ///< 0: none of ours
  Result<json::Value> outcome;
};
struct Unknown {};  ///< well-formed, of no kind that we know: ignored
using QmpMessage = std::variant<Greeting, Reply, Event, Unknown>;

/// Code::bad_request: no JSON object.
[[nodiscard]] Result<QmpMessage> parse_qmp(std::string_view line);
/// With the line end.
[[nodiscard]] std::string write_command(std::string_view command, const json::Value& arguments, std::int64_t id,
                                        bool oob);

}  // namespace godwit::qemu
