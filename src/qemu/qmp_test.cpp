// The words of a monitor, and sessions with a monitor that misbehaves.
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "qemu/qmp_line_splitter.hpp"
#include "qemu/qmp_message.hpp"
#include "qemu/qmp_session.hpp"

namespace godwit::qemu {
namespace {

using Lines = std::vector<std::string>;

TEST(QmpLineSplitter, PutsPiecesTogether) {
  QmpLineSplitter splitter;
  EXPECT_EQ(splitter.feed("{\"a\"")->size(), 0U);
  EXPECT_EQ(*splitter.feed(":1}\r\n{}\n\r\n\n[1"), (Lines{"{\"a\":1}", "{}"}));
  EXPECT_EQ(*splitter.feed("]\n"), Lines{"[1]"});
}

TEST(QmpLineSplitter, TakesAnyCut) {
  const std::string text = "{\"event\":\"STOP\"}\r\n{\"return\":{}}\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    QmpLineSplitter splitter;
    Lines all = *splitter.feed(text.substr(0, cut));
    const Lines rest = *splitter.feed(text.substr(cut));
    all.insert(all.end(), rest.begin(), rest.end());
    EXPECT_EQ(all, (Lines{"{\"event\":\"STOP\"}", "{\"return\":{}}"})) << cut;
  }
}

TEST(QmpLineSplitter, GivesUpOnALineThatNeverEnds) {
  QmpLineSplitter splitter{8};
  EXPECT_TRUE(splitter.feed("12345678\n12345"));
  auto refused = splitter.feed("6789");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::bad_request);
}

TEST(QmpMessage, TellsKindsApart) {
  auto greeting =
      parse_qmp(R"({"QMP":{"version":{"qemu":{"micro":2,"minor":0,"major":10},"package":""},"capabilities":["oob"]}})");
  ASSERT_TRUE(greeting);
  EXPECT_EQ(std::get<Greeting>(*greeting).version, "10.0.2");
  EXPECT_TRUE(std::get<Greeting>(*greeting).oob);
  auto event =
      parse_qmp(R"({"timestamp":{"seconds":5,"microseconds":7},"event":"MIGRATION","data":{"status":"active"}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<Event>(*event).name, "MIGRATION");
  EXPECT_EQ(json::string_at(std::get<Event>(*event).data, "/status"), "active");
  EXPECT_EQ(std::get<Event>(*event).timestamp, WallTime{std::chrono::microseconds{5'000'007}});
  auto reply = parse_qmp(R"({"return":[1],"id":4})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(std::get<Reply>(*reply).id, 4);
  EXPECT_TRUE(std::get<Reply>(*reply).outcome);
  auto error = parse_qmp(R"({"error":{"class":"GenericError","desc":"no"},"id":5})");
  ASSERT_TRUE(error);
  EXPECT_EQ(std::get<Reply>(*error).outcome.error().code, Code::invalid);
  EXPECT_EQ(std::get<Reply>(*error).outcome.error().message, "no");
  EXPECT_TRUE(std::holds_alternative<Unknown>(*parse_qmp("{}")));
}

TEST(QmpMessage, RefusesWhatIsNone) {
  for (const char* line : {"", "{", "[]", "1", "GET / HTTP/1.1", "\xff\xfe"}) EXPECT_FALSE(parse_qmp(line)) << line;
}

TEST(QmpMessage, WritesCommands) {
  EXPECT_EQ(write_command("stop", json::Object{}, 3, false), "{\"execute\":\"stop\",\"id\":3}\n");
  EXPECT_EQ(write_command("yank", json::Object{{"a", 1}}, 4, true),
            "{\"exec-oob\":\"yank\",\"arguments\":{\"a\":1},\"id\":4}\n");
}

Deadline soon() { return Deadline::after(std::chrono::seconds{10}); }

/// The monitor's end of a session, played on a thread: it greets, and answers each line by rote.
class PlayedMonitor {
 public:
  using Answer = std::function<std::string(const json::Value& command)>;

  explicit PlayedMonitor(Answer answer) : answer_{std::move(answer)} {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    theirs_.reset(ends[0]);
    mine_.reset(ends[1]);
    thread_ = std::jthread{[this] { run(); }};
  }
  ~PlayedMonitor() { hang_up(); }
  PlayedMonitor(const PlayedMonitor&) = delete;
  PlayedMonitor& operator=(const PlayedMonitor&) = delete;

  static std::string returned(const std::string& value, std::int64_t id) {
    return "{\"return\":" + value + ",\"id\":" + std::to_string(id) + "}\n";
  }
  void say(const std::string& text) { EXPECT_GE(::send(mine_.get(), text.data(), text.size(), MSG_NOSIGNAL), 0); }
  void hang_up() { ::shutdown(mine_.get(), SHUT_RDWR); }
  Result<std::unique_ptr<QmpSession>> session(QmpHandlers handlers = {}) {
    return QmpSession::over(std::move(theirs_), std::move(handlers), soon());
  }

 private:
  void run() {
    say(R"({"QMP":{"version":{"qemu":{"micro":0,"minor":0,"major":10}},"capabilities":[]}})"
        "\n");
    QmpLineSplitter splitter;
    char buffer[4096];
    for (;;) {
      const ssize_t n = ::recv(mine_.get(), buffer, sizeof buffer, 0);
      if (n <= 0) return;
      const Lines lines = *splitter.feed({buffer, static_cast<std::size_t>(n)});
      for (const std::string& line : lines) {
        const json::Value command = *json::parse(line);
        const bool hello = json::string_at(command, "/execute") == "qmp_capabilities";
        const std::string text = hello ? returned("{}", json::int_at(command, "/id")) : answer_(command);
        if (!text.empty()) say(text);
      }
    }
  }

  Answer answer_;
  UniqueFd theirs_;
  UniqueFd mine_;
  std::jthread thread_;
};

TEST(QmpSession, IsNotHadWithoutAGreeting) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  UniqueFd silent{ends[1]};
  auto refused = QmpSession::over(UniqueFd{ends[0]}, {}, Deadline::after(std::chrono::milliseconds{20}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::timeout);
}

TEST(QmpSession, EndsAtGarbage) {
  std::atomic<int> closed = 0;
  PlayedMonitor monitor{[](const json::Value&) { return std::string{"this is no JSON\n"}; }};
  auto session = monitor.session({.on_closed = [&](const std::string&) { ++closed; }});
  ASSERT_TRUE(session) << session.error().message;
  auto reply = (*session)->execute("query-status", json::Object{}, soon());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::unavailable);
  EXPECT_FALSE((*session)->open());
  EXPECT_EQ((*session)->execute("stop", json::Object{}, soon()).error().code, Code::unavailable);
  session->reset();
  EXPECT_EQ(closed, 1);
}

TEST(QmpSession, WakesWhoWaitsWhenTheMonitorEnds) {
  PlayedMonitor* played = nullptr;
  PlayedMonitor monitor{[&](const json::Value&) {
    played->hang_up();
    return std::string{};
  }};
  played = &monitor;
  auto session = monitor.session();
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ((*session)->execute("quit", json::Object{}, Deadline::never()).error().code, Code::unavailable);
}

TEST(QmpSession, DropsLateReplies) {
  std::int64_t unanswered = 0;
  PlayedMonitor monitor{[&](const json::Value& command) {
    const std::int64_t id = json::int_at(command, "/id");
    if (json::string_at(command, "/execute") == "slow") {
      unanswered = id;
      return std::string{};
    }
    return PlayedMonitor::returned("\"late\"", unanswered) + "{\"return\":\"nobody's\"}\n" +
           PlayedMonitor::returned("\"mine\"", id);
  }};
  auto session = monitor.session();
  ASSERT_TRUE(session) << session.error().message;
  auto slow = (*session)->execute("slow", json::Object{}, Deadline::after(std::chrono::milliseconds{20}));
  EXPECT_EQ(slow.error().code, Code::timeout);
  auto quick = (*session)->execute("quick", json::Object{}, soon());
  ASSERT_TRUE(quick) << quick.error().message;
  EXPECT_EQ(quick->as_string(), "mine");
}

TEST(QmpSession, GivesEachThreadItsOwnReply) {
  PlayedMonitor monitor{[](const json::Value& command) {
    return PlayedMonitor::returned(json::write(*json::find(command, "/arguments/n")), json::int_at(command, "/id"));
  }};
  auto session = monitor.session();
  ASSERT_TRUE(session) << session.error().message;
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 25; ++i) {
          const int n = 100 * t + i;
          auto reply = (*session)->execute("echo", json::Object{{"n", n}}, soon());
          if (reply && json::int_at(*reply, "") == n) ++right;
        }
      });
    }
  }
  EXPECT_EQ(right, 100);
}

TEST(QmpSession, KeepsHandlersFromWaitingForThemselves) {
  std::atomic<QmpSession*> running = nullptr;
  std::atomic<int> refused = 0;
  PlayedMonitor monitor{[](const json::Value& command) {
    return "{\"event\":\"STOP\"}\n" + PlayedMonitor::returned("{}", json::int_at(command, "/id"));
  }};
  auto session = monitor.session({.on_event = [&](const Event&) {
    const auto reply = running.load()->execute("stop", json::Object{}, Deadline::never());
    if (!reply && reply.error().code == Code::internal) ++refused;
  }});
  ASSERT_TRUE(session) << session.error().message;
  running = session->get();
  EXPECT_TRUE((*session)->execute("stop", json::Object{}, soon()));
  EXPECT_EQ(refused, 1);
  EXPECT_EQ((*session)->execute_oob("yank", json::Object{}, soon()).error().code, Code::method_not_allowed);
}

}  // namespace
}  // namespace godwit::qemu
