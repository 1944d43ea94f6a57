// The test program stands in for `godwit` where a driver starts `PROGRAM tunnel …`.
#include <gtest/gtest.h>

#include <string_view>

#include "migrate/tunnel.hpp"

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view{argv[1]} == "tunnel") return godwit::migrate::run_tunnel(argc - 2, argv + 2);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
