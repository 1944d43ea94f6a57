// Everything that can be killed, killed at every stage of a migration, under load. One guest goes through all of it.
#include "e2e/fault_scene.hpp"

namespace godwit {
namespace {

using enum Victim;
using enum Window;

constexpr FaultCase matrix[] = {
    {target_qemu, setup, "Failed", Home::source},
    {source_agent, setup, "Succeeded", Home::target},
    {target_agent, setup, "", Home::source},
    {server, setup, "Succeeded", Home::target},
    {target_qemu, prepared, "Failed", Home::source},
    {source_agent, prepared, "Succeeded", Home::target},
    {target_agent, prepared, "Succeeded", Home::target},
    {target_qemu, active, "Failed", Home::source},
    {source_agent, active, "Succeeded", Home::target},
    {target_agent, active, "Succeeded", Home::target},
    {server, active, "Succeeded", Home::target},
    {target_qemu, completed, "Failed", Home::source, "the target could not run the guest"},
    {source_qemu, completed, "Succeeded", Home::target},
    {source_agent, completed, "Succeeded", Home::target},
    {target_agent, completed, "Succeeded", Home::target},
    {server, completed, "Succeeded", Home::target},
    {target_qemu, committed, "Failed", Home::source, "the target could not run the guest"},
    {source_qemu, committed, "Succeeded", Home::target},
    {source_agent, committed, "Succeeded", Home::target},
    {target_agent, committed, "Succeeded", Home::target},
    {server, committed, "Succeeded", Home::target},
    // The guest is lost with its host's QEMU, as without a migration; its run strategy starts it again.
    {source_qemu, setup, "Failed", Home::anew},
    {source_qemu, active, "Failed", Home::anew},
};

TEST_F(FaultTest, EveryVictimInEveryWindow) {
  boot_under_load("faults");
  if (HasFailure()) return;
  const char* only = std::getenv("GODWIT_FAULT");  // a part of a case's name
  for (const FaultCase& fault : matrix) {
    if (only != nullptr && name_of(fault).find(only) == std::string::npos) continue;
    meet(fault);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace godwit
