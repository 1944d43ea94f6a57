#include "trial/report.hpp"

#include <gtest/gtest.h>

#include "trial/guest_control.hpp"

namespace godwit::trial {
namespace {

Move move(const std::string& phase, double gap) {
  return {*json::parse(R"({"status":{"phase":")" + phase + R"(",
            "migrationState":{"sourceNode":"node-1","targetNode":"node-2"},
            "result":{"totalMs":623,"downtimeMs":26,"transferredBytes":1048576,"throughputBytesPerSecond":2097152,
                      "precopyRounds":3,"phasesMs":{"setup":31,"copying":538,"paused":27,"commit":1,"resume":25}}}})"),
          gap};
}

Findings good() {
  Findings findings;
  findings.moves = {move("Succeeded", 12.5), move("Succeeded", 80.4)};
  findings.accelerator = "tcg";
  findings.tcp_session_survived = findings.guest_state_intact = findings.disk_intact = true;
  return findings;
}

TEST(Report, JsonHasTheFiguresOfTheFirstMoveAndTheWorstGap) {
  EXPECT_EQ(json::write(to_json(good())),
            R"({"sourceNode":"node-1","targetNode":"node-2","accelerator":"tcg","totalMs":623,)"
            R"("phasesMs":{"setup":31,"copying":538,"paused":27,"commit":1,"resume":25},"bytesTransferred":1048576,)"
            R"("throughputBytesPerSecond":2097152,"precopyRounds":3,"downtimeMs":26,"clientLongestGapMs":80,)"
            R"("tcpSessionSurvived":true,"guestStateIntact":true,"diskIntact":true})");
}

TEST(Report, AllIsWellOnlyWhenAllIs) {
  EXPECT_TRUE(good().all_is_well());
  EXPECT_FALSE(Findings{}.all_is_well());
  for (bool Findings::* fact :
       {&Findings::tcp_session_survived, &Findings::guest_state_intact, &Findings::disk_intact}) {
    Findings findings = good();
    findings.*fact = false;
    EXPECT_FALSE(findings.all_is_well());
  }
  Findings failed = good();
  failed.moves[1] = move("Failed", 0);
  EXPECT_FALSE(failed.all_is_well());
}

TEST(Report, TextSaysWhatAPersonWantsToKnow) {
  const std::string text = to_text(good(), false);
  for (const char* part : {"node-1 → node-2", "623 ms", "paused 27 ms", "3 pre-copy rounds", "26 ms by QEMU", "80 ms"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  EXPECT_EQ(text.find('\033'), std::string::npos) << "no colours unless asked for";
  EXPECT_NE(to_text(good(), true).find('\033'), std::string::npos);
}

TEST(GuestControl, ReadsTheFieldsOfAnAnswer) {
  const auto answer = parse_answer("ok count=5 intact=yes run=77\r");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->at("count"), "5");
  EXPECT_EQ(answer->at("run"), "77");
}

TEST(GuestControl, AnErrorCarriesWhatTheGuestSays) {
  const auto answer = parse_answer("error no pattern is set");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("no pattern is set"), std::string::npos);
}

}  // namespace
}  // namespace godwit::trial
