#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/quantity.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace godwit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct QuantityCase {
  const char* text;
  std::int64_t milli;
};

class QuantityTable : public ::testing::TestWithParam<QuantityCase> {};

TEST_P(QuantityTable, Parses) {
  const auto quantity = Quantity::parse(GetParam().text);
  ASSERT_TRUE(quantity) << quantity.error().message;
  EXPECT_EQ(quantity->milli_value(), GetParam().milli);
}

INSTANTIATE_TEST_SUITE_P(Quantities, QuantityTable,
                         ::testing::Values(QuantityCase{"0", 0}, QuantityCase{"500m", 500}, QuantityCase{"2", 2000},
                                           QuantityCase{"1Ki", 1024000}, QuantityCase{"1.5Gi", 1610612736000},
                                           QuantityCase{"1e3", 1000000}, QuantityCase{"0.1", 100},
                                           QuantityCase{"100n", 1}, QuantityCase{"-2", -2000},
                                           QuantityCase{"1k", 1000000}, QuantityCase{"12E", 9223372036854775807}));

TEST(Quantity, RefusesNonsense) {
  for (const char* text : {"", "Gi", "1..5", "1Gb", "1 Gi", "0x10", "1e", "--1"}) {
    EXPECT_FALSE(Quantity::parse(text)) << text;
  }
}

TEST(Quantity, ValueRoundsUp) { EXPECT_EQ(Quantity::parse("1500m")->value(), 2); }

TEST(Time, RoundTrips) {
  const auto t = parse_time("2026-11-01T10:20:30.123456Z");
  ASSERT_TRUE(t);
  EXPECT_EQ(format_micro_time(*t), "2026-11-01T10:20:30.123456Z");
  EXPECT_EQ(format_time(*t), "2026-11-01T10:20:30Z");
  EXPECT_EQ(format_time(*parse_time("2026-11-01T10:20:30+02:00")), "2026-11-01T08:20:30Z");
  EXPECT_FALSE(parse_time("yesterday"));
}

TEST(Text, SplitsAndTrims) {
  EXPECT_EQ(split("a,b,,c", ','), (std::vector<std::string>{"a", "b", "", "c"}));
  EXPECT_EQ(trim("  x y\n"), "x y");
  EXPECT_EQ(parse_number<int>("12"), 12);
  EXPECT_FALSE(parse_number<int>("12x"));
}

TEST(Text, KnowsAUuid) {
  EXPECT_TRUE(is_uuid("6f1b4d3e-50cb-4f6c-9d07-0123456789aB"));
  EXPECT_FALSE(is_uuid("6f1b4d3e50cb-4f6c-9d07-0123456789ab-"));
  EXPECT_FALSE(is_uuid("6f1b4d3e-50cb-4f6c-9d07-0123456789ag"));
  EXPECT_FALSE(is_uuid(""));
}

TEST(Files, WriteIsAtomicAndReadsBack) {
  const auto directory = TemporaryDirectory::create();
  ASSERT_TRUE(directory);
  const auto path = directory->path() / "deep" / "file";
  ASSERT_TRUE(make_directory(path.parent_path()));
  ASSERT_TRUE(write_file(path, "one"));
  ASSERT_TRUE(write_file(path, "two"));
  EXPECT_EQ(*read_file(path), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{path.parent_path()}, {}), 1);
  EXPECT_EQ(read_file(directory->path() / "none").error().code, Code::not_found);
}

TEST(Process, CollectsOutputAndStatus) {
  const auto output =
      run_program({.argv = {"sh", "-c", "cat; echo err >&2; exit 3"}}, Deadline::after(seconds{20}), "in");
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->out, "in");
  EXPECT_EQ(output->err, "err\n");
  EXPECT_EQ(output->exit.status, 3);
}

TEST(Process, SaysWhatCannotBeStarted) {
  const auto process = Process::spawn({.argv = {"/no/such/program"}});
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code, Code::not_found);
}

TEST(Process, IsKilledWithItsOwner) {
  pid_t pid = 0;
  {
    auto process = Process::spawn({.argv = {"sleep", "1000"}});
    ASSERT_TRUE(process);
    pid = process->pid();
    EXPECT_TRUE(process->running());
    EXPECT_EQ(process->wait(Deadline::after(milliseconds{10})).error().code, Code::timeout);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(Process, PassesTheDescriptorsThatAreNamedAndNoOthers) {
  const auto directory = TemporaryDirectory::create();
  ASSERT_TRUE(write_file(directory->path() / "f", "through a descriptor"));
  const UniqueFd file{::open((directory->path() / "f").c_str(), O_RDONLY | O_CLOEXEC)};
  const UniqueFd unnamed{::open("/dev/null", O_RDONLY)};  // even without close-on-exec
  const auto output =
      run_program({.argv = {"sh", "-c", "cat <&9; ls /proc/self/fd | tr '\\n' ' '"}, .inherited = {{file.get(), 9}}},
                  Deadline::after(seconds{20}));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->out, "through a descriptor0 1 2 3 9 ") << "3 is the directory that ls reads";
}

TEST(Random, LooksLikeItsKind) {
  EXPECT_EQ(random_uuid().size(), 36U);
  EXPECT_NE(random_uuid(), random_uuid());
  EXPECT_EQ(random_suffix().size(), 5U);
}

TEST(SleepFor, EndsWhenToldTo) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(sleep_for(seconds{1000}, stop.get_token()));
}

}  // namespace
}  // namespace godwit
