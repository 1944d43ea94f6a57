// KubeVirt's verbs on machines: paths, bodies, status codes, words; and what they change.
#include <thread>

#include "api/api_test.hpp"
#include "rules/guest_control.hpp"

namespace godwit {
namespace {

using namespace kube::resources;
const kube::Key key{.ns = "default", .name = "v"};

class MachineVerbsTest : public ApiTest {
 protected:
  void make_vm(const std::string& strategy) {
    const auto made = client_->create(virtual_machines, "default",
                                      *json::parse(R"({"metadata":{"name":"v"},"spec":{"runStrategy":")" + strategy +
                                                   R"(","template":{"spec":{"domain":{"devices":{}}}}}})"));
    ASSERT_TRUE(made) << made.error().message;
  }
  void make_vmi(const std::string& phase, const std::string& more = {}) {
    const auto made = client_->create(
        virtual_machine_instances, "default",
        *json::parse(R"({"metadata":{"name":"v"},"spec":{"domain":{"devices":{}}},"status":{"phase":")" + phase +
                     R"(","nodeName":"n")" + more + "}}"));
    ASSERT_TRUE(made) << made.error().message;
  }
  Result<std::string> put(const std::string& resource, const std::string& verb, const std::string& body = "{}") {
    return client_->call("PUT", "/apis/subresources.kubevirt.io/v1/namespaces/default/" + resource + "/v/" + verb,
                         body);
  }
  std::string refusal(const std::string& resource, const std::string& verb, const std::string& body = "{}") {
    const auto answer = put(resource, verb, body);
    return answer ? "" : std::string{reason_of(answer.error().code)} + ": " + answer.error().message;
  }
  json::Value vm() { return *client_->get(virtual_machines, key); }
  json::Value vmi() { return *client_->get(virtual_machine_instances, key); }

  /// Does what an agent does, until it is destroyed.
  class Agent {
   public:
    Agent(const kube::Client& client, std::string refusal)
        : thread_{[&client, refusal = std::move(refusal)](const std::stop_token& stop) {
            while (sleep_for(std::chrono::milliseconds{5}, stop)) {
              auto now = client.get(virtual_machine_instances, key);
              if (!now) continue;
              const auto control = rules::read_control(*now);
              if (control.pending == rules::GuestRequest::none) continue;
              rules::note_done(*now, control.generation, refusal);
              (void)client.update(virtual_machine_instances, *now);
            }
          }} {}

   private:
    std::jthread thread_;
  };
};

const std::string conflict_vm = R"(Conflict: Operation cannot be fulfilled on virtualmachine.kubevirt.io "v": )";
const std::string conflict_vmi =
    R"(Conflict: Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io "v": )";

TEST_F(MachineVerbsTest, StartAndStopChangeTheStrategy) {
  EXPECT_EQ(refusal("virtualmachines", "start"), R"(NotFound: virtualmachine.kubevirt.io "v" not found)");
  make_vm("Halted");
  EXPECT_TRUE(put("virtualmachines", "start", R"({"dryRun":["All"]})"));
  EXPECT_EQ(json::string_at(vm(), "/spec/runStrategy"), "Halted");
  EXPECT_TRUE(put("virtualmachines", "start"));
  EXPECT_EQ(json::string_at(vm(), "/spec/runStrategy"), "Always");
  EXPECT_EQ(refusal("virtualmachines", "start"), conflict_vm + "Always does not support manual start requests");
  EXPECT_TRUE(put("virtualmachines", "stop"));
  EXPECT_EQ(json::string_at(vm(), "/spec/runStrategy"), "Halted");
  EXPECT_EQ(refusal("virtualmachines", "stop"), conflict_vm + "VM is not running");
  EXPECT_EQ(refusal("virtualmachines", "restart"),
            conflict_vm + "RunStategy Halted does not support manual restart requests");
  EXPECT_TRUE(put("virtualmachines", "start", R"({"paused":true})"));
  EXPECT_EQ(json::write(*json::find(vm(), "/status/stateChangeRequests")),
            R"([{"action":"Start","data":{"paused":"true"}}])");
  EXPECT_NE(refusal("virtualmachines", "start", "{").find("Can not unmarshal Request body"), std::string::npos);
}

TEST_F(MachineVerbsTest, RestartAsksForAStopAndAStart) {
  make_vm("Manual");
  make_vmi("Running");
  const auto uid = json::string_at(vmi(), "/metadata/uid");
  EXPECT_EQ(refusal("virtualmachines", "restart", R"({"gracePeriodSeconds":5})"),
            "BadRequest: For force restart, only gracePeriod=0 is supported for now");
  EXPECT_TRUE(put("virtualmachines", "restart"));
  EXPECT_EQ(json::write(*json::find(vm(), "/status/stateChangeRequests")),
            R"([{"action":"Stop","uid":")" + uid + R"("},{"action":"Start"}])");
  EXPECT_EQ(refusal("virtualmachines", "restart"),
            "InternalError: Internal error occurred: unable to complete request: stop/start already underway");
  EXPECT_TRUE(put("virtualmachines", "stop", R"({"gracePeriod":0})"));
  EXPECT_EQ(json::write(*json::find(vm(), "/status/stateChangeRequests")),
            R"([{"action":"Stop","uid":")" + uid + R"("}])");
  EXPECT_EQ(json::int_at(vmi(), "/spec/terminationGracePeriodSeconds", -1), 0);
}

TEST_F(MachineVerbsTest, MigrateMakesAMigration) {
  make_vm("Always");
  EXPECT_EQ(refusal("virtualmachines", "migrate"), R"(NotFound: virtualmachineinstance.kubevirt.io "v" not found)");
  make_vmi("Running");
  EXPECT_TRUE(put("virtualmachines", "migrate", R"({"addedNodeSelector":{"disk":"fast"}})"));
  const auto made = client_->list(virtual_machine_instance_migrations, "default");
  ASSERT_EQ(made->items.size(), 1U);
  EXPECT_EQ(json::string_at(made->items[0], "/metadata/name").substr(0, 20), "kubevirt-migrate-vm-");
  EXPECT_EQ(json::string_at(made->items[0], "/spec/addedNodeSelector/disk"), "fast");
}

TEST_F(MachineVerbsTest, PauseWaitsForTheAgent) {
  EXPECT_EQ(refusal("virtualmachineinstances", "pause"),
            R"(NotFound: virtualmachineinstance.kubevirt.io "v" not found)");
  make_vmi("Running");
  EXPECT_EQ(refusal("virtualmachineinstances", "unpause"), conflict_vmi + "VMI is not paused");
  EXPECT_TRUE(put("virtualmachineinstances", "pause", R"({"dryRun":["All"]})"));
  EXPECT_FALSE(rules::wants_pause(vmi()));
  {
    const Agent agent{*client_, ""};
    EXPECT_TRUE(put("virtualmachineinstances", "pause"));
    EXPECT_TRUE(rules::wants_pause(vmi()));
    EXPECT_EQ(refusal("virtualmachineinstances", "pause"), conflict_vmi + "VMI is already paused");
    EXPECT_EQ(refusal("virtualmachineinstances", "softreboot"), conflict_vmi + "VMI is paused");
    EXPECT_TRUE(put("virtualmachineinstances", "unpause"));
    EXPECT_FALSE(rules::wants_pause(vmi()));
  }
  const Agent unwilling{*client_, "the guest does not listen"};
  EXPECT_EQ(refusal("virtualmachineinstances", "softreboot", ""), conflict_vmi + "the guest does not listen");
}

TEST_F(MachineVerbsTest, KubectlSeesWhatItMayAskFor) {
  const auto list = kubectl({"get", "--raw", "/apis/subresources.kubevirt.io/v1"});
  for (const char* verb : {"virtualmachines/restart", "virtualmachineinstances/pause", "virtualmachineinstances/vnc"})
    EXPECT_NE(list.out.find(verb), std::string::npos) << verb;
  make_vmi("Scheduled");
  EXPECT_EQ(refusal("virtualmachineinstances", "pause"), conflict_vmi + "VM is not running");
  EXPECT_NE(refusal("virtualmachineinstances", "freeze").find("not built yet: virtualmachineinstances/freeze"),
            std::string::npos);
}

}  // namespace
}  // namespace godwit
