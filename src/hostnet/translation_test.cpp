// Both ways of attaching the translation: newer kernels would use the first alone, and never show that the other works.
#include "hostnet/translation.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "hostnet/commands.hpp"
#include "hostnet/traffic_test.hpp"

namespace godwit::hostnet {
namespace {

class TranslationTest : public testing::TestWithParam<Hook> {};
INSTANTIATE_TEST_SUITE_P(Hooks, TranslationTest, testing::Values(Hook::tcx, Hook::classifier),
                         [](const auto& info) { return info.param == Hook::tcx ? "Tcx" : "Classifier"; });

TEST_P(TranslationTest, CarriesEveryProtocolWithOffload) {
  GODWIT_NEEDS_ROOT();
  Lab lab;
  if (GetParam() == Hook::tcx && !lab.a.ns.run([] { return translate("lo", "192.0.2.1", "192.0.2.2", Hook::tcx); }))
    GTEST_SKIP() << "this kernel has no TCX";
  Attached vm{lab, lab.a, Binding::masquerade, 10, GetParam()};
  const auto in = connect_tcp(lab.gateway, vm.guest.ns(), vm.spec.pod_ip);
  ASSERT_TRUE(in);
  EXPECT_TRUE(carries(in->client, in->server, 4U << 20U));
  EXPECT_TRUE(carries(in->server, in->client, 4U << 20U));
  EXPECT_GT(vm.guest.incomplete_checksums(), 50);
  EXPECT_GT(vm.guest.large_sends(), 10);
  EXPECT_GT(vm.guest.large_receptions(), 10);
  for (const std::size_t bytes : {1U, 9000U}) {
    EXPECT_TRUE(echo_udp(lab.gateway, vm.guest.ns(), vm.spec.pod_ip, bytes)) << bytes;
    EXPECT_TRUE(echo_udp(vm.guest.ns(), lab.gateway, Lab::gateway_ip, bytes)) << bytes;
  }
  EXPECT_TRUE(ping(vm.guest.ns(), Lab::gateway_ip));
  EXPECT_TRUE(refused_udp(lab.gateway, vm.spec.pod_ip));
  EXPECT_TRUE(refused_udp(vm.guest.ns(), Lab::gateway_ip));
}

TEST_P(TranslationTest, ToItsOwnAddress) {
  GODWIT_NEEDS_ROOT();
  Lab lab;
  Attached vm{lab, lab.a, Binding::masquerade, 10, GetParam()};
  EXPECT_TRUE(ping(vm.guest.ns(), vm.spec.pod_ip));
}

}  // namespace
}  // namespace godwit::hostnet
