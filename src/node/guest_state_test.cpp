#include "node/guest_state.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "json/yaml.hpp"

namespace godwit::node {
namespace {

json::Value vmi(const std::string& domain) {
  json::Value made = json::Object{};
  json::set(made, "/spec/domain", json::parse_yaml(domain).value());
  return made;
}

qemu::MachineSpec named(const std::string& domain, const std::optional<std::filesystem::path>& kept) {
  qemu::MachineSpec spec;
  name_state(vmi(domain), "/vms/1", kept, {}, spec);
  return spec;
}

TEST(NameState, PutsWhatIsKeptOnTheClaimAndTheRestBesideQemu) {
  EXPECT_EQ(named("{}", std::nullopt), qemu::MachineSpec{});
  EXPECT_EQ(named("{devices: {tpm: {enabled: false}}}", std::nullopt), qemu::MachineSpec{});
  const auto fleeting = named("{firmware: {bootloader: {efi: {secureBoot: false}}}, devices: {tpm: {}}}", std::nullopt);
  EXPECT_EQ(fleeting.firmware.uefi.code, "/usr/share/OVMF/OVMF_CODE_4M.fd");
  EXPECT_EQ(fleeting.firmware.uefi.variables, "/vms/1/uefi-variables.fd");
  EXPECT_EQ(fleeting.devices.tpm_state, "/vms/1/tpm");
  const auto mixed = named("{firmware: {bootloader: {efi: {persistent: true}}}, devices: {tpm: {}}}", "/claim");
  EXPECT_TRUE(mixed.firmware.uefi.secure_boot);  // unless it says otherwise
  EXPECT_EQ(mixed.firmware.uefi.code, "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd");
  EXPECT_EQ(mixed.firmware.uefi.variables, "/claim/uefi-variables.fd");
  EXPECT_EQ(mixed.devices.tpm_state, "/vms/1/tpm");
  EXPECT_EQ(named("{devices: {tpm: {persistent: true}}}", "/claim").devices.tpm_state, "/claim/tpm");
}

class MakeStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::create("godwit-state");
    ASSERT_TRUE(made);
    root_.emplace(std::move(*made));
    files_ = {.code = root_->path() / "code",
              .variables = root_->path() / "blank",
              .secure_code = root_->path() / "none",
              .secure_variables = root_->path() / "none"};
    ASSERT_TRUE(write_file(files_.code, "code"));
    ASSERT_TRUE(write_file(files_.variables, "blank"));
  }
  Result<> make(const std::string& domain, Role role) {
    spec_ = {};
    name_state(vmi(domain), root_->path() / "own", root_->path() / "kept", files_, spec_);
    return make_state(vmi(domain), spec_, files_, role);
  }
  std::optional<TemporaryDirectory> root_;
  FirmwareFiles files_;
  qemu::MachineSpec spec_;
};

TEST_F(MakeStateTest, PersistentVariablesAreMadeOnce) {
  const auto* domain = "{firmware: {bootloader: {efi: {secureBoot: false, persistent: true}}}}";
  // A target that finds none would start from a blank copy what the source has on another disk.
  EXPECT_EQ(make(domain, Role::incoming).error().code, Code::not_found);
  ASSERT_TRUE(make(domain, Role::owner));
  ASSERT_TRUE(write_file(root_->path() / "kept" / "uefi-variables.fd", "boot order"));
  for (const Role role : {Role::owner, Role::incoming}) {
    EXPECT_TRUE(make(domain, role));
    EXPECT_EQ(read_file(spec_.firmware.uefi.variables).value(), "boot order");
  }
}

TEST_F(MakeStateTest, OthersAreBlankAtEachStart) {
  const auto* domain = "{firmware: {bootloader: {efi: {secureBoot: false}}}}";
  ASSERT_TRUE(make(domain, Role::owner));
  ASSERT_TRUE(write_file(spec_.firmware.uefi.variables, "boot order"));
  ASSERT_TRUE(make(domain, Role::incoming));
  EXPECT_EQ(read_file(spec_.firmware.uefi.variables).value(), "blank");
}

TEST_F(MakeStateTest, NamesTheMissingPackage) {
  const auto refused = make("{firmware: {bootloader: {efi: {}}}}", Role::owner);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("package ovmf"), std::string::npos);
}

}  // namespace
}  // namespace godwit::node
