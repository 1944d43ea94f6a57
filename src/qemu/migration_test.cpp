#include "qemu/migration.hpp"

#include <gtest/gtest.h>

namespace godwit::qemu {
namespace {

Deadline soon() { return Deadline::after(std::chrono::seconds{10}); }

/// A QEMU that notes what it is told and answers by rote.
struct PlayedQemu {
  std::vector<std::pair<std::string, json::Value>> told;
  std::function<Result<json::Value>(const std::string&, const json::Value&)> answer =
      [](const std::string&, const json::Value&) -> Result<json::Value> { return json::Value(json::Object{}); };

  Migration migration() {
    const Execute execute = [this](const std::string& command, const json::Value& arguments, Deadline) {
      told.emplace_back(command, arguments);
      return answer(command, arguments);
    };
    return {execute, execute};
  }
};

TEST(MigrationInfo, IsRead) {
  const auto reply = json::parse(R"({"expected-downtime":300,"status":"active","setup-time":3,"total-time":1200,
    "cpu-throttle-percentage":20,"ram":{"total":285220864,"postcopy-requests":0,"dirty-sync-count":2,
    "multifd-bytes":0,"pages-per-second":32710,"downtime-bytes":0,"page-size":4096,"remaining":1000000,
    "postcopy-bytes":0,"mbps":1049.1875,"transferred":6578263,"dirty-sync-missed-zero-copy":0,
    "precopy-bytes":6578263,"duplicate":63110,"dirty-pages-rate":77,"normal-bytes":5963776,"normal":1456}})");
  ASSERT_TRUE(reply);
  const MigrationInfo info = parse_migration_info(*reply);
  EXPECT_EQ(info.status, MigrationStatus::active);
  EXPECT_EQ(info.expected_downtime_ms, 300);
  EXPECT_EQ(info.setup_ms, 3);
  EXPECT_EQ(info.total_ms, 1200);
  EXPECT_EQ(info.throttle_percent, 20);
  EXPECT_EQ(info.ram.total, 285220864);
  EXPECT_EQ(info.ram.remaining, 1000000);
  EXPECT_EQ(info.ram.transferred, 6578263);
  EXPECT_EQ(info.ram.dirty_sync_count, 2);
  EXPECT_EQ(info.ram.dirty_pages_rate, 77);
  EXPECT_EQ(info.ram.duplicate, 63110);
  EXPECT_EQ(info.ram.normal, 1456);
  EXPECT_DOUBLE_EQ(info.ram.mbps, 1049.1875);
}

TEST(MigrationInfo, OfNothingYetIsNone) {
  const MigrationInfo info = parse_migration_info(json::Object{});
  EXPECT_EQ(info.status, MigrationStatus::none);
  EXPECT_EQ(info.ram.page_size, 4096);
  EXPECT_TRUE(info.socket_address.is_null());
}

TEST(MigrationInfo, TellsReasonsAndAddresses) {
  const auto reply = json::parse(R"({"status":"failed","error-desc":"Unable to write","blocked-reasons":["vfio","x"],
    "socket-address":[{"port":"4444","type":"inet"}],"ram":{"mbps":0}})");
  ASSERT_TRUE(reply);
  const MigrationInfo info = parse_migration_info(*reply);
  EXPECT_EQ(info.status, MigrationStatus::failed);
  EXPECT_EQ(info.error_desc, "Unable to write");
  EXPECT_EQ(info.blocked_reasons, (std::vector<std::string>{"vfio", "x"}));
  EXPECT_EQ(json::string_at(info.socket_address, "/0/port"), "4444");
}

TEST(MigrationStatus, WordsGoBothWays) {
  for (const char* word : {"none", "setup", "wait-unplug", "active", "pre-switchover", "device", "postcopy-device",
                           "postcopy-active", "postcopy-paused", "postcopy-recover-setup", "postcopy-recover",
                           "completed", "cancelling", "cancelled", "failed", "colo"}) {
    EXPECT_EQ(word_of(migration_status_of(std::string_view{word})), word);
  }
  EXPECT_EQ(migration_status_of(std::string_view{"something-new"}), MigrationStatus::unknown);
  EXPECT_EQ(migration_status_of(Event{.name = "MIGRATION", .data = json::Object{{"status", "device"}}}),
            MigrationStatus::device);
  EXPECT_FALSE(migration_status_of(Event{.name = "STOP"}));
}

TEST(Migration, SetsEveryCapability) {
  PlayedQemu qemu;
  qemu.answer = [](const std::string& command, const json::Value&) -> Result<json::Value> {
    if (command != "query-migrate-capabilities") return json::Value(json::Object{});
    return *json::parse(R"([{"capability":"multifd","state":true},{"capability":"events","state":true},
                            {"capability":"return-path","state":false}])");
  };
  EXPECT_TRUE(qemu.migration().set_capabilities({"return-path"}, soon()));
  EXPECT_TRUE(json::equal(qemu.told.back().second, *json::parse(R"({"capabilities":[
    {"capability":"events","state":true},{"capability":"multifd","state":false},
    {"capability":"return-path","state":true}]})")));
  auto refused = qemu.migration().set_capabilities({"teleport"}, soon());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("teleport"), std::string::npos);
}

TEST(Migration, LeavesOutParametersThatAnOlderQemuLacks) {
  PlayedQemu qemu;
  qemu.answer = [](const std::string& command, const json::Value& arguments) -> Result<json::Value> {
    if (command == "query-migrate-parameters") return *json::parse(R"({"max-bandwidth":1,"downtime-limit":300})");
    if (arguments.get_object().size() > 2) return fail(Code::invalid, "Parameter 'tls-authz' is unexpected");
    return json::Value(json::Object{});
  };
  MigrationParameters parameters;
  parameters.downtime_limit_ms = 50;
  EXPECT_TRUE(qemu.migration().set_parameters(parameters, soon()));
  EXPECT_TRUE(
      json::equal(qemu.told.back().second, *json::parse(R"({"max-bandwidth":1000000000000,"downtime-limit":50})")));
}

TEST(Migration, NeverCancelsPostcopy) {
  PlayedQemu qemu;
  std::string status = "postcopy-active";
  qemu.answer = [&](const std::string& command, const json::Value&) -> Result<json::Value> {
    if (command == "query-migrate") return json::Value(json::Object{{"status", status}});
    return json::Value(json::Object{});
  };
  EXPECT_EQ(qemu.migration().cancel(soon()).error().code, Code::conflict);
  EXPECT_EQ(qemu.told.size(), 1U);
  status = "active";
  EXPECT_TRUE(qemu.migration().cancel(soon()));
  EXPECT_EQ(qemu.told.back().first, "migrate_cancel");
}

TEST(Migration, WaitsForTheFinalFigures) {
  PlayedQemu qemu;
  int asked = 0;
  qemu.answer = [&](const std::string&, const json::Value&) -> Result<json::Value> {
    return json::Value(json::Object{{"status", "completed"}, {"total-time", ++asked < 3 ? 0 : 84}});
  };
  EXPECT_EQ(qemu.migration().query_final(soon())->total_ms, 84);
}

TEST(Migration, ListensForAnOlderQemuToo) {
  PlayedQemu qemu;
  qemu.answer = [](const std::string&, const json::Value& arguments) -> Result<json::Value> {
    if (arguments.get_object().contains("exit-on-error")) {
      return fail(Code::invalid, "Parameter 'exit-on-error' is unexpected");
    }
    return json::Value(json::Object{});
  };
  EXPECT_TRUE(qemu.migration().incoming("unix:/x", soon()));
  EXPECT_TRUE(json::equal(qemu.told.back().second, json::Object{{"uri", "unix:/x"}}));
}

}  // namespace
}  // namespace godwit::qemu
