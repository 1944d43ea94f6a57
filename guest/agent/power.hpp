// How a guest comes to an end, or starts over, by itself.
#pragma once

#include <string>
#include <string_view>

namespace godwit::guest {

/// "off", "reboot" or "panic", a moment after the answer; anything else is an error.
std::string power(std::string_view how);

}  // namespace godwit::guest
