#include "qemu/capabilities.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/process.hpp"
#include "qemu/kvm_probe.hpp"
#include "qemu/process_record.hpp"

namespace godwit::qemu {
namespace {

TEST(MachineTypes, AreVersionedOnesNewestFirst) {
  const auto machines = json::parse(R"([{"name":"pc-q35-9.2"},{"name":"q35"},{"name":"pc-i440fx-10.0"},
    {"name":"pc-q35-10.0"},{"name":"pc-q35-2.10"},{"name":"pc-q35-2.9"},{"name":"pc-q35-x"},{"name":"none"}])");
  EXPECT_EQ(versioned_q35_types(*machines),
            (std::vector<std::string>{"pc-q35-10.0", "pc-q35-9.2", "pc-q35-2.10", "pc-q35-2.9"}));
  EXPECT_TRUE(versioned_q35_types(json::Object{}).empty());
}

TEST(CpuModels, AreThoseThatLackNothingAndMayMigrate) {
  const auto models = json::parse(R"([{"name":"qemu64","migration-safe":true,"unavailable-features":[]},
    {"name":"EPYC-v4","migration-safe":true,"unavailable-features":["avx2"]},
    {"name":"max","migration-safe":false,"unavailable-features":[]},{"name":"old","migration-safe":true}])");
  EXPECT_EQ(usable_models(*models), std::vector<std::string>{"qemu64"});
}

TEST(CpuFeatures, AreWhatAGuestCanHave) {
  const auto answer = json::parse(R"({"model":{"name":"max","props":{"avx2":true,"svm":false,"sse4.1":true,"kvm":true,
    "x-vendor-cpuid-only":true,"hv-relaxed":true,"level":13,"migratable":true,"vendor":"AuthenticAMD"}}})");
  EXPECT_EQ(features_of(*answer), (std::vector<std::string>{"avx2", "sse4.1"}));
}

TEST(HostModel, IsTheRichestByItsShortestName) {
  EXPECT_EQ(richest_model({{"base", 90}, {"Penryn", 50}, {"Westmere", 58}, {"Westmere-v1", 58}}), "Westmere");
  EXPECT_EQ(richest_model({}), "");
}

TEST(ProbeHost, AsksTheRealQemu) {
  if (!run_program({.argv = {"qemu-system-x86_64", "--version"}}, Deadline::after(std::chrono::seconds{30}))) {
    GTEST_SKIP() << "no QEMU here";
  }
  const auto directory = TemporaryDirectory::create();
  ASSERT_TRUE(directory);
  const auto probe = probe_host("tcg", directory->path() / "cache");
  ASSERT_TRUE(probe) << probe.error().message;
  EXPECT_EQ(probe->accelerator, Accelerator::tcg);
  ASSERT_FALSE(probe->machine_types.empty());
  EXPECT_TRUE(probe->machine_types.front().starts_with("pc-q35-"));
  EXPECT_NE(std::find(probe->cpu_models.begin(), probe->cpu_models.end(), probe->host_model), probe->cpu_models.end());
  EXPECT_NE(std::find(probe->cpu_features.begin(), probe->cpu_features.end(), "sse2"), probe->cpu_features.end());
  EXPECT_EQ(probe->cpu_vendor, "");
  EXPECT_NE(std::find(probe->cpu_models.begin(), probe->cpu_models.end(), "qemu64-v1"), probe->cpu_models.end());
}

TEST(ProbeKvm, AlwaysHasAReason) { EXPECT_FALSE(probe_kvm().reason.empty()); }

TEST(ProcessRecord, FindsTheStartTimeBehindAnyName) {
  EXPECT_EQ(parse_start_time("7 (a) b) (c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 9"), 123456U);
  EXPECT_FALSE(parse_start_time("7 (x) S 1"));
  EXPECT_FALSE(parse_start_time(""));
}

}  // namespace
}  // namespace godwit::qemu
