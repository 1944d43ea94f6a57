// A real cluster on this machine for the end-to-end tests: made once, used by all, taken down at the end.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/files.hpp"
#include "kube/client.hpp"
#include "local/cluster.hpp"
#include "trial/guest_control.hpp"
#include "trial/probe.hpp"

namespace godwit {

/// Brings the cluster up before the first test and takes it down, with everything it made, after the last.
class ClusterEnvironment : public ::testing::Environment {
 public:
  void SetUp() override;
  void TearDown() override;
  static ClusterEnvironment& instance();

  [[nodiscard]] const kube::Client& client() const { return *client_; }
  [[nodiscard]] const local::Cluster& cluster() const { return cluster_; }
  [[nodiscard]] bool usable() const { return client_ != nullptr; }

 private:
  std::unique_ptr<TemporaryDirectory> directory_;
  local::Cluster cluster_;
  std::unique_ptr<kube::Client> client_;
};

/// A test with a guest of its own.
class GuestTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Creates claim and VM and waits until the guest answers.
  void boot(const std::string& name, const std::string& binding = "masquerade");
  /// Creates a VMIM for the guest; `target` pins it to a node.
  [[nodiscard]] Result<kube::Key> begin_migration(const std::string& target = {}) const;
  /// Waits until the VMIM is final.
  [[nodiscard]] json::Value wait_for_end(const kube::Key& migration) const;
  [[nodiscard]] json::Value vmi() const;
  [[nodiscard]] std::string node() const { return json::string_at(vmi(), "/status/nodeName"); }
  /// Waits until the condition holds; false after a generous while.
  [[nodiscard]] static bool eventually(const std::function<bool()>& condition,
                                       std::chrono::seconds patience = std::chrono::seconds{60});
  /// The pid of the QEMU of this guest on a node, 0 when there is none.
  [[nodiscard]] int qemu_on(const std::string& node_name) const;
  /// Of the guest's memory: the counter runs on, pattern and dirtied pages are unbroken.
  void expect_guest_intact();
  [[nodiscard]] std::map<std::string, std::string> tell(const std::string& command) const;

  [[nodiscard]] const kube::Client& client() const { return ClusterEnvironment::instance().client(); }
  [[nodiscard]] const local::Cluster& cluster() const { return ClusterEnvironment::instance().cluster(); }

  std::string name_;
  std::string address_;
  std::string run_;  ///< of the guest program's start: another one means that the guest was started anew
};

}  // namespace godwit
