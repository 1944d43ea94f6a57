#include "node/vmi_ownership.hpp"

namespace godwit::node {

using kube::resources::virtual_machine_instances;

VmiOwnership::VmiOwnership(const kube::Client& client, kube::Key key, std::string uid)
    : client_{client}, key_{std::move(key)}, uid_{std::move(uid)}, last_answer_{Instant::min()} {
  pulse_ = std::jthread{[this](const std::stop_token& stop) {
    do {
      (void)read(Deadline::after(std::chrono::seconds{1}));
    } while (sleep_for(std::chrono::milliseconds{400}, stop));
  }};
}

Result<json::Value> VmiOwnership::read(Deadline deadline) {
  auto vmi = client_.get(virtual_machine_instances, key_, deadline);
  if (vmi || vmi.error().code == Code::not_found) last_answer_ = std::chrono::steady_clock::now();
  if (vmi && json::string_at(*vmi, "/metadata/uid") != uid_) {
    return fail(Code::not_found, "virtual machine instance " + key_.text() + " was replaced by another of that name");
  }
  return vmi;
}

migrate::WriteReply VmiOwnership::write(const json::Value& json_patch, Deadline deadline) {
  auto written = client_.guarded_patch(virtual_machine_instances, key_, json_patch, deadline);
  if (written) {
    last_answer_ = std::chrono::steady_clock::now();
    return {.outcome = migrate::Write::applied, .vmi = std::move(*written)};
  }
  const bool surely_not = written.error().applied == kube::Applied::no;
  return {.outcome = surely_not ? migrate::Write::refused : migrate::Write::unknown,
          .vmi = {},
          .message = written.error().error.message};
}

}  // namespace godwit::node
