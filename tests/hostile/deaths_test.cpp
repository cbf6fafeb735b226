#include <fstream>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compartments/volume.hpp"
#include "sealed.hpp"

namespace bulkhead::hostile {
namespace {

class Deaths : public Sealed {
 protected:
  // A running instance whose service has a grandchild in a session of its own.
  void run(const char* mode = "stay") {
    instance->compartment().command = {"./probe", mode};
    instance->start();
    hello = instance->wait_for_hello();
    running = instance->wait_for_state("running");
    ASSERT_FALSE(running.is_null()) << testing::PrintToString(instance->log("keeper"));
    ASSERT_FALSE(instance->wait_for_log("stdout", "staying").empty());
  }
  void expect_nothing_left() {
    EXPECT_TRUE(eventually([&] { return processes_marked(instance->directory()).empty(); }))
        << testing::PrintToString(processes_marked(instance->directory()));
  }
  Json hello, running;
};

// pid 1 of the compartment is the service's parent.
pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("PPid:")) return std::stoi(line.substr(5));
  }
  return -1;
}

TEST_P(Deaths, TheServiceRunsWithItsOwnUid) {
  run();
  struct stat status{};
  const pid_t service = running["service_pid"];
  ASSERT_EQ(stat(("/proc/" + std::to_string(service)).c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, instance->compartment().ids.service_uid);
  EXPECT_EQ(hello["not_enforced"].empty(), !single());
}

TEST_P(Deaths, TheSidecarIsToldThatTheServiceRuns) {
  run();
  EXPECT_FALSE(instance->wait_for_log("sidecar", "service_started").empty());
}

TEST_P(Deaths, AKilledKeeperTakesEverythingAlong) {
  run();
  kill(instance->keeper(), SIGKILL);
  EXPECT_EQ(instance->wait_for_keeper(), -SIGKILL);
  expect_nothing_left();
}

TEST_P(Deaths, AKilledSidecarEndsTheInstance) {
  run();
  kill(hello["sidecar_pid"].get<pid_t>(), SIGKILL);
  EXPECT_EQ(instance->wait_for_exit()["reason"], "the sidecar ended");
  EXPECT_EQ(instance->wait_for_keeper(), 1);
  expect_nothing_left();
}

TEST_P(Deaths, AKilledServiceIsReportedAndEndsTheInstance) {
  run();
  kill(running["service_pid"].get<pid_t>(), SIGKILL);
  const Json exited = instance->wait_for_exit();
  EXPECT_EQ(exited["signal"], SIGKILL);
  EXPECT_EQ(exited["oom"], false);
  EXPECT_EQ(instance->wait_for_keeper(), 1);
  expect_nothing_left();
}

TEST_P(Deaths, AKilledInitIsReportedAndEndsTheInstance) {
  run();
  kill(parent_of(running["service_pid"]), SIGKILL);
  EXPECT_EQ(instance->wait_for_exit()["reason"], "the compartment's init was killed");
  EXPECT_EQ(instance->wait_for_keeper(), 1);
  expect_nothing_left();
}

TEST_P(Deaths, AServiceThatEndsWithItsWorkDoneEndsTheInstanceWithZero) {
  instance->compartment().command = {"./probe", "exit", "0"};
  instance->start();
  EXPECT_EQ(instance->wait_for_exit()["code"], 0);
  EXPECT_EQ(instance->wait_for_keeper(), 0);
  expect_nothing_left();
}

TEST_P(Deaths, AFailureOfTheServiceIsReportedWithItsCode) {
  instance->compartment().command = {"./probe", "exit", "3"};
  instance->start();
  EXPECT_EQ(instance->wait_for_exit()["code"], 3);
  EXPECT_EQ(instance->wait_for_keeper(), 1);
}

TEST_P(Deaths, ACommandThatIsNotThereIsReportedInWords) {
  instance->compartment().command = {"no-such-program"};
  instance->start();
  const Json exited = instance->wait_for_exit();
  EXPECT_EQ(exited["code"], 127);
  EXPECT_EQ(exited["reason"], "run no-such-program: No such file or directory");
  EXPECT_EQ(instance->wait_for_keeper(), 1);
  expect_nothing_left();
}

TEST_P(Deaths, StopDrainsThenTerminatesThenFinishes) {
  run();
  instance->send({{"type", "stop"}, {"grace_ms", 5000}});
  EXPECT_FALSE(instance->wait_for_state("draining").is_null());
  EXPECT_FALSE(instance->wait_for_state("terminating").is_null());
  EXPECT_EQ(instance->wait_for_exit()["signal"], SIGTERM);
  EXPECT_FALSE(instance->wait_for_state("stopped").is_null());
  EXPECT_EQ(instance->wait_for_keeper(), 0);
  expect_nothing_left();
}

TEST_P(Deaths, AServiceDeafToSigtermIsKilledAfterItsGrace) {
  run("deaf");
  instance->send({{"type", "stop"}, {"grace_ms", 50}});
  EXPECT_EQ(instance->wait_for_exit()["reason"], "did not end within its grace period");
  EXPECT_EQ(instance->wait_for_keeper(), 0);
  expect_nothing_left();
}

TEST_P(Deaths, AStubbornSidecarIsKilledInTheEnd) {
  instance->spec().sidecar.hello = R"({"stubborn":true})";
  instance->spec().drain_ms = 50;
  instance->spec().finish_ms = 50;
  run();
  instance->send({{"type", "stop"}, {"grace_ms", 5000}});
  EXPECT_EQ(instance->wait_for_keeper(), 0);
  expect_nothing_left();
}

TEST_P(Deaths, ASidecarThatIsNeverReadyNeverGetsAService) {
  instance->spec().sidecar.hello = R"({"silent":true})";
  instance->spec().ready_ms = 200;
  instance->start();
  EXPECT_EQ(instance->wait_for_exit()["reason"], "not ready within 200 ms");
  EXPECT_EQ(instance->wait_for_keeper(), 1);
  EXPECT_TRUE(instance->log("stdout").empty());
  expect_nothing_left();
}

TEST_P(Deaths, ASidecarThatCannotRunEndsTheInstance) {
  instance->spec().sidecar.argv = {"/nonexistent/sidecar"};
  instance->start();
  EXPECT_EQ(instance->wait_for_exit()["reason"], "the sidecar ended");
  EXPECT_EQ(instance->wait_for_keeper(), 1);
  expect_nothing_left();
}

TEST_P(Deaths, TheVolumeOutlivesTheInstance) {
  instance->start();
  ASSERT_FALSE(instance->wait_for_log("stdout", "matrix complete").empty());
  EXPECT_EQ(instance->wait_for_keeper(), 0);
  struct stat status{};
  if (stat((instance->compartment().data + "/x").c_str(), &status) == 0) {
    EXPECT_EQ(status.st_uid, instance->compartment().ids.service_uid);
  } else {
    // An ordinary user can't look into the volume of a service with an id of its own.
    EXPECT_EQ(errno, EACCES);
  }
}

TEST_P(Deaths, TheLauncherCanRemoveAVolumeThatIsNotItsOwn) {
  instance->start();
  ASSERT_FALSE(instance->wait_for_log("stdout", "matrix complete").empty());
  EXPECT_EQ(instance->wait_for_keeper(), 0);
  const std::string data = instance->compartment().data;
  const compartments::Ids ids = instance->compartment().ids;
  EXPECT_EQ(instance->as_launcher([&] { return compartments::remove_volume(data, ids) ? 0 : 1; }), 0);
  EXPECT_NE(access(data.c_str(), F_OK), 0);
}

FOR_EVERY_LAUNCHER(Deaths);

}  // namespace
}  // namespace bulkhead::hostile
