#include <filesystem>

#include <signal.h>
#include <unistd.h>

#include "compartments/keeper_state.hpp"
#include "sealed.hpp"

namespace bulkhead::hostile {
namespace {

class SidecarSuccession : public Sealed {
 protected:
  void run(const char* mode, const Json& hello) {
    instance->compartment().command = {"./probe", mode};
    instance->spec().sidecar.hello = hello.dump();
    instance->start();
    before = instance->wait_for_hello()["sidecar_pid"];
    running = instance->wait_for_state("running");
    ASSERT_FALSE(running.is_null()) << testing::PrintToString(instance->log("keeper"));
  }
  void replace(const std::string& executable) {
    instance->send({{"type", "replace_sidecar"}, {"executable", executable}});
  }
  // The next answer of that kind.
  Json answer(const std::string& what) {
    return instance->wait_for(
        [&](const Json& message) { return message["type"] == "sidecar" && message["what"] == what; });
  }
  std::string program() const { return instance->spec().sidecar.argv.front(); }
  // How many dials of the service were answered so far.
  int answered() const {
    const auto lines = instance->log("stdout");
    for (auto line = lines.rbegin(); line != lines.rend(); ++line)
      if (line->starts_with("answered ")) return std::stoi(line->substr(9));
    return 0;
  }
  bool goes_on() const {
    const int now = answered();
    return eventually([&] { return answered() > now; });
  }
  std::size_t lines(const std::string& stream, const std::string& line) const {
    return static_cast<std::size_t>(std::ranges::count(instance->log(stream), line));
  }
  void expect_nothing_lost() { EXPECT_EQ(lines("stdout", "lost"), 0U); }
  pid_t before = -1;
  Json running;
};

TEST_P(SidecarSuccession, AnotherSidecarServesWhileTheServiceGoesOn) {
  run("commute", {{"listen", instance->directory() + "/state/inner"}, {"dial", 8080}});
  ASSERT_TRUE(goes_on());
  replace(program());
  const Json serving = answer("serving");
  ASSERT_FALSE(serving.is_null()) << testing::PrintToString(instance->log("keeper"));
  EXPECT_NE(serving["sidecar_pid"], before);
  EXPECT_EQ(serving["other_pid"], before);
  EXPECT_EQ(answer("retired")["other_pid"], -1);
  EXPECT_TRUE(eventually([&] { return kill(before, 0) != 0; }));
  EXPECT_TRUE(goes_on());
  expect_nothing_lost();
  // Each of both had a vendor socket, and the listener went from one to the other.
  EXPECT_EQ(lines("sidecar", "opened"), 1U);
  EXPECT_EQ(lines("sidecar", "inherited"), 1U);
  EXPECT_EQ(lines("sidecar", "retire"), 1U);
  EXPECT_TRUE(eventually([&] { return lines("sidecar", "dialled 0 caller 198.18.0.2") == 2; }))
      << testing::PrintToString(instance->log("sidecar"));
  EXPECT_EQ(kill(running["service_pid"].get<pid_t>(), 0), 0);
}

TEST_P(SidecarSuccession, OneMayFollowAnotherManyTimes) {
  run("commute", Json::object());
  for (int i = 0; i < 5; ++i) {
    replace(program());
    const std::size_t serving = static_cast<std::size_t>(i) + 1;
    EXPECT_TRUE(eventually([&] { return lines("sidecar", "retire") == serving; }));
    EXPECT_FALSE(instance
                     ->wait_for([&, retired = 0](const Json& message) mutable {
                       return message["type"] == "sidecar" && message["what"] == "retired" && ++retired > i;
                     })
                     .is_null());
  }
  EXPECT_TRUE(goes_on());
  expect_nothing_lost();
}

TEST_P(SidecarSuccession, OneThatDoesNotGetReadyChangesNothing) {
  run("commute", Json::object());
  replace("/nonexistent/sidecar");
  EXPECT_EQ(answer("failed")["problem"], "it ended before it was ready");
  EXPECT_EQ(answer("failed")["sidecar_pid"], before);
  EXPECT_TRUE(goes_on());
  expect_nothing_lost();
  replace(program());
  EXPECT_FALSE(answer("serving").is_null());
}

TEST_P(SidecarSuccession, OneThatIsDeafIsKilledWhenItsTimeIsOver) {
  instance->spec().drain_ms = 50;
  instance->spec().grace_ms = 50;
  instance->spec().finish_ms = 50;
  run("commute", {{"stubborn", true}});
  replace(program());
  EXPECT_FALSE(answer("retired").is_null());
  EXPECT_NE(kill(before, 0), 0);
}

TEST_P(SidecarSuccession, ASecondWaitsForTheFirstsEnd) {
  run("commute", {{"stubborn", true}});
  replace(program());
  EXPECT_FALSE(answer("serving").is_null());
  replace(program());
  EXPECT_EQ(answer("failed")["problem"], "the one before is still being replaced");
}

TEST_P(SidecarSuccession, TheInstanceEndsWithBothOfThem) {
  instance->spec().finish_ms = 50;
  run("commute", {{"stubborn", true}});
  replace(program());
  const Json serving = answer("serving");
  ASSERT_FALSE(serving.is_null());
  kill(running["service_pid"].get<pid_t>(), SIGKILL);
  EXPECT_TRUE(instance->wait_for_keeper().has_value());
  EXPECT_TRUE(eventually([&] { return processes_marked(instance->directory()).empty(); }));
}

TEST_P(SidecarSuccession, AKilledSuccessorEndsTheInstanceOnceItServes) {
  run("commute", {{"stubborn", true}});
  replace(program());
  const Json serving = answer("serving");
  ASSERT_FALSE(serving.is_null());
  kill(serving["sidecar_pid"].get<pid_t>(), SIGKILL);
  EXPECT_EQ(instance->wait_for_exit()["reason"], "the sidecar ended");
  EXPECT_EQ(instance->wait_for_keeper(), 1);
  EXPECT_TRUE(eventually([&] { return processes_marked(instance->directory()).empty(); }));
}

TEST_P(SidecarSuccession, AKeeperBecomesAnotherProgramAndGoesOn) {
  run("commute", {{"listen", instance->directory() + "/state/inner"}});
  const std::string next = instance->directory() + "/next";
  std::filesystem::copy_file(program(), next);
  instance->send(
      {{"type", "become"}, {"executable", "/nonexistent/keeper"}, {"protocol", compartments::kKeeperProtocol}});
  EXPECT_EQ(instance->wait_for([](const Json& message) { return message["type"] == "stays"; })["problem"],
            "run /nonexistent/keeper: No such file or directory");
  instance->send({{"type", "become"}, {"executable", next}, {"protocol", compartments::kKeeperProtocol}});
  const Json again = instance->wait_for_hello_again();
  ASSERT_FALSE(again.is_null()) << testing::PrintToString(instance->log("keeper"));
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(instance->keeper()) + "/exe"), next);
  EXPECT_EQ(again["keeper_pid"], instance->keeper());
  EXPECT_EQ(again["sidecar_pid"], before);
  EXPECT_EQ(again["service_pid"], running["service_pid"]);
  EXPECT_EQ(again["state"], "running");
  EXPECT_TRUE(goes_on());
  // It does what a keeper does: another sidecar, with the sockets that it got from itself, and an end in order.
  replace(program());
  EXPECT_FALSE(answer("retired").is_null());
  EXPECT_EQ(lines("sidecar", "inherited"), 1U);
  EXPECT_TRUE(goes_on());
  expect_nothing_lost();
  instance->send({{"type", "stop"}, {"grace_ms", 5000}});
  EXPECT_FALSE(instance->wait_for_state("stopped").is_null());
  EXPECT_EQ(instance->wait_for_keeper(), 0);
  EXPECT_TRUE(eventually([&] { return processes_marked(instance->directory()).empty(); }));
}

TEST_P(SidecarSuccession, AKeeperThatBecomesAnotherStillDiesOfItsService) {
  run("commute", Json::object());
  instance->send({{"type", "become"}, {"executable", program()}, {"protocol", compartments::kKeeperProtocol}});
  ASSERT_FALSE(instance->wait_for_hello_again().is_null());
  kill(running["service_pid"].get<pid_t>(), SIGKILL);
  EXPECT_EQ(instance->wait_for_exit()["signal"], SIGKILL);
  EXPECT_EQ(instance->wait_for_keeper(), 1);
  EXPECT_TRUE(eventually([&] { return processes_marked(instance->directory()).empty(); }));
}

TEST_P(SidecarSuccession, AKeeperOfAnotherProtocolStays) {
  run("commute", Json::object());
  instance->send({{"type", "become"}, {"executable", program()}, {"protocol", 0}});
  EXPECT_EQ(instance->wait_for([](const Json& message) { return message["type"] == "stays"; })["problem"],
            "its keepers can not take over from this one");
  EXPECT_TRUE(goes_on());
}

FOR_EVERY_LAUNCHER(SidecarSuccession);

}  // namespace
}  // namespace bulkhead::hostile
