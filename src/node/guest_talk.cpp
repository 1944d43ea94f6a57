// Hears from the agents inside guests, and asks them.
#include "kube/modify.hpp"
#include "node/guest_info.hpp"
#include "node/guests.hpp"
#include "qemu/guest_agent.hpp"
#include "rules/objects.hpp"

namespace godwit::node {
namespace {

using namespace kube::resources;

constexpr std::chrono::seconds agent_patience{3};
constexpr std::chrono::seconds refresh_pause{60};

/// Whether the guest has its end of the agent's channel open.
Result<bool> channel_is_open(qemu::Machine& machine) {
  const auto list = machine.execute("query-chardev", json::Object{}, Deadline::after(agent_patience));
  if (!list) return fail(list.error());
  if (!list->is_array()) return false;
  for (const json::Value& device : list->as_array()) {
    if (json::string_at(device, "/label") == "agent") return json::bool_at(device, "/frontend-open");
  }
  return false;
}

Result<AgentAnswers> hear(const std::filesystem::path& socket) {
  const Deadline deadline = Deadline::after(agent_patience);
  auto agent = qemu::GuestAgent::reach(socket, deadline);
  if (!agent) return fail(agent.error());
  AgentAnswers answers;
  for (const auto& [command, answer] :
       {std::pair{"guest-info", &answers.info}, std::pair{"guest-get-osinfo", &answers.os},
        std::pair{"guest-get-host-name", &answers.host}, std::pair{"guest-get-timezone", &answers.timezone},
        std::pair{"guest-get-users", &answers.users}, std::pair{"guest-get-fsinfo", &answers.filesystems},
        std::pair{"guest-network-get-interfaces", &answers.interfaces}}) {
    auto told = agent->ask(command, json::Object{}, deadline);
    if (told) {
      *answer = std::move(*told);
    } else if (told.error().code == Code::timeout || told.error().code == Code::unavailable) {
      return fail(told.error());
    }  // a command that it doesn't know, or that failed inside: nothing is known of that
  }
  return answers;
}

}  // namespace

/// Keeps AgentConnected and what the agent says in the VMI: when its channel opens or closes, and once a minute.
Result<kube::Again> Guests::settle_agent(Guest& guest) {
  const Instant now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock{guest.mutex};
    if (!guest.agent_changed && (!guest.agent_heard || now < *guest.agent_heard + refresh_pause)) return kube::Again{};
    guest.agent_changed = false;
  }
  const auto open = channel_is_open(*guest.machine);
  if (!open) return fail(open.error());
  const auto answers = *open ? hear(guest.machine->paths().agent)
                             : Result<AgentAnswers>{fail(Code::unavailable, "the guest has no agent")};
  // A paused guest, or one that is just booting: its channel is open, and nobody answers.
  guest.agent_heard = *open ? std::optional{now} : std::nullopt;
  if (*open && !answers) {
    guest.agent_heard = now - refresh_pause + agent_patience * 2;
    return kube::Again{.after = agent_patience * 2};
  }
  auto written = kube::modify(client_, virtual_machine_instances, guest.record.vmi, [&](json::Value& vmi) -> Result<> {
    if (rules::uid_of(vmi) != guest.record.vmi_uid || rules::is_final(vmi)) return {};
    if (json::string_at(vmi, "/status/nodeName") != options_.config.name) return {};
    if (answers) {
      set_agent(vmi, *answers, format_time(std::chrono::system_clock::now()));
    } else {
      set_no_agent(vmi);
    }
    return {};
  });
  if (!written && written.error().code != Code::not_found) return fail(written.error());
  return *open ? kube::Again{.after = refresh_pause} : kube::Again{};
}

Result<json::Value> Guests::ask_agent(const kube::Key& vmi, const std::string& what) const {
  const GuestPtr guest = find(vmi);
  if (!guest || !guest->machine) return fail(Code::not_found, "guest " + vmi.text() + " does not run on this host");
  const auto answers = hear(guest->machine->paths().agent);
  if (!answers) return fail(answers.error());
  if (what == "guestosinfo") return agent_info_of(*answers);
  if (what == "userlist") return user_list_of(*answers);
  if (what == "filesystemlist") return filesystem_list_of(*answers);
  return fail(Code::not_found, "the agent is not asked for " + what);
}

}  // namespace godwit::node
