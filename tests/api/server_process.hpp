// The program `godwit server`, run as a process of its own.
#pragma once

#include <thread>

#include "api/api_test.hpp"

namespace godwit {

class ServerProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::error_code ignored;
    program_ = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() / "godwit";
    if (!std::filesystem::exists(program_)) GTEST_SKIP() << program_ << " is not built here (sanitizers)";
  }

  ProcessSpec spec(const std::string& listen) const {
    return {.argv = {program_.string(), "server", "--data", data().string(), "--listen", listen},
            .stdout_file = log(),
            .stderr_file = directory_.path() / "errors"};
  }
  std::filesystem::path data() const { return directory_.path() / "data"; }
  std::filesystem::path log() const { return directory_.path() / "log"; }

  /// Starts it and waits until it says that it serves.
  Process serve() {
    std::filesystem::remove(log());
    auto process = Process::spawn(spec("127.0.0.1:0"));
    EXPECT_TRUE(process) << process.error().message;
    const Deadline deadline = Deadline::after(std::chrono::seconds{60});
    while (read_file(log()).value_or("").find("KUBECONFIG=") == std::string::npos && !deadline.passed())
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    return std::move(*process);
  }
  std::unique_ptr<kube::Client> client() const {
    const auto config = kube::read_kubeconfig(data() / "admin.kubeconfig");
    EXPECT_TRUE(config) << config.error().message;
    return std::make_unique<kube::Client>(*kube::connect(*config));
  }
  /// Runs it where it must refuse to start; what it says.
  std::string refusal(const std::string& listen) {
    auto run = spec(listen);
    run.stdout_file = {};
    run.stderr_file = {};
    const auto output = run_program(run, Deadline::after(std::chrono::seconds{60}));
    EXPECT_TRUE(output) << output.error().message;
    if (!output) return {};
    EXPECT_EQ(output->exit.status, 1);
    return output->err;
  }

  TemporaryDirectory directory_ = *TemporaryDirectory::create("godwit-server");
  std::filesystem::path program_;
};

}  // namespace godwit
