// What a guest's agent says, as KubeVirt shows it. Pure; the guest's words are taken as they come.
#pragma once

#include <string_view>

#include "json/value.hpp"

namespace godwit::node {

/// The answers of the agent by command; missing ones are as good as empty.
struct AgentAnswers {
  json::Value info = json::Object{};        ///< guest-info
  json::Value os = json::Object{};          ///< guest-get-osinfo
  json::Value host = json::Object{};        ///< guest-get-host-name
  json::Value timezone = json::Object{};    ///< guest-get-timezone
  json::Value users = json::Array{};        ///< guest-get-users
  json::Value filesystems = json::Array{};  ///< guest-get-fsinfo
  json::Value interfaces = json::Array{};   ///< guest-network-get-interfaces
};

/// status.guestOSInfo.
[[nodiscard]] json::Value os_info_of(const AgentAnswers& answers);
/// The subresources guestosinfo, userlist, filesystemlist.
[[nodiscard]] json::Value agent_info_of(const AgentAnswers& answers);
[[nodiscard]] json::Value user_list_of(const AgentAnswers& answers);
[[nodiscard]] json::Value filesystem_list_of(const AgentAnswers& answers);

/// Puts AgentConnected, guestOSInfo and the interfaces' names and addresses into the VMI.
void set_agent(json::Value& vmi, const AgentAnswers& answers, std::string_view now);
void set_no_agent(json::Value& vmi);

}  // namespace godwit::node
