#include "net/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "net/signals.hpp"
#include "net/stream.hpp"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;

ExitStatus run_to_end(Loop& loop, const ProcessSpec& spec) {
  auto process = start_process(spec);
  EXPECT_TRUE(process) << process.error().message;
  const auto status = loop.run(wait_exit(loop, process->pidfd, loop.in(20s)));
  EXPECT_TRUE(status);
  return *status;
}

TEST(ProcessTest, TellsHowAProcessEnded) {
  Loop loop;
  const auto exited = run_to_end(loop, {.argv = {"sh", "-c", "exit 3"}});
  EXPECT_EQ(exited.text(), "exited with 3");
  const auto killed = run_to_end(loop, {.argv = {"/bin/sh", "-c", "kill -9 $$"}});
  EXPECT_EQ(killed.text(), "killed by SIGKILL");
  EXPECT_TRUE(run_to_end(loop, {.argv = {"true"}}).success());
}

TEST(ProcessTest, AFailureOfExecIsReportedAtTheStart) {
  EXPECT_FALSE(start_process({.argv = {"no-such-program-anywhere"}}));
  const auto missing = start_process({.argv = {"/no/such/program"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().cause, Cause::not_found);
  EXPECT_FALSE(start_process({.argv = {"true"}, .directory = "/no/such/directory"}));
  EXPECT_FALSE(start_process({}));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no zombie is left";
}

Task<std::string> output_of(Loop& loop, ProcessSpec spec, int number) {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  Fd far(fds[1]);
  auto stream = Stream::adopt(loop, Fd(fds[0]));
  spec.fds.push_back({far.get(), number});
  auto process = start_process(spec);
  EXPECT_TRUE(process) << process.error().message;
  far.reset();
  std::string all;
  std::array<char, 4096> buffer;
  while (true) {
    const auto count = co_await stream->read(buffer, loop.in(20s));
    if (!count || *count == 0) break;
    all.append(buffer.data(), *count);
  }
  const auto status = co_await wait_exit(loop, process->pidfd, loop.in(20s));
  EXPECT_TRUE(status && status->success());
  co_return all;
}

TEST(ProcessTest, InheritsExactlyWhatIsNamed) {
  Loop loop;
  const Fd leaked(::open("/dev/zero", O_RDONLY));  // without CLOEXEC
  ASSERT_TRUE(leaked);
  const auto fds = loop.run(output_of(loop, {.argv = {"sh", "-c", "cd /proc/$$/fd && echo * >&1"}}, 1));
  EXPECT_EQ(fds.substr(0, 5), "0 1 2") << fds;
  EXPECT_EQ(fds.find(std::to_string(leaked.get())), std::string::npos) << fds;
  const auto environment = loop.run(output_of(loop, {.argv = {"env"}, .environment = {"ONLY=this"}}, 1));
  EXPECT_EQ(environment, "ONLY=this\n");
  const auto directory = loop.run(output_of(loop, {.argv = {"pwd"}, .directory = "/usr"}, 1));
  EXPECT_EQ(directory, "/usr\n");
}

TEST(ProcessTest, DescriptorsMayTradeTheirNumbers) {
  Loop loop;
  const Fd zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const Fd full(::open("/dev/full", O_RDWR | O_CLOEXEC));
  ProcessSpec spec{
      .argv = {"sh", "-c", fmt::format("readlink /proc/self/fd/{} /proc/self/fd/{}", zero.get(), full.get())}};
  spec.fds = {{zero.get(), full.get()}, {full.get(), zero.get()}};
  EXPECT_EQ(loop.run(output_of(loop, spec, 1)), "/dev/full\n/dev/zero\n");
}

TEST(ProcessTest, ANewSessionHasItsOwnLeader) {
  Loop loop;
  const auto own =
      loop.run(output_of(loop, {.argv = {"sh", "-c", "cut -d' ' -f6 /proc/$$/stat; echo $$"}, .new_session = true}, 1));
  const auto newline = own.find('\n');
  EXPECT_EQ(own.substr(0, newline + 1), own.substr(newline + 1));
}

TEST(ProcessTest, AWaitEndsAtItsDeadlineAndASignalEndsTheProcess) {
  Loop loop;
  auto process = start_process({.argv = {"sleep", "1000"}});
  ASSERT_TRUE(process);
  const auto early = loop.run(wait_exit(loop, process->pidfd, loop.in(1ms)));
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().cause, Cause::timeout);
  EXPECT_TRUE(send_signal(process->pidfd, SIGTERM));
  const auto status = loop.run(wait_exit(loop, process->pidfd, Deadline::never()));
  EXPECT_EQ(status->text(), "killed by SIGTERM");
  EXPECT_TRUE(send_signal(process->pidfd, SIGTERM)) << "it is gone, which is no fault";
}

TEST(ProcessTest, TheEndOfAProcessThatIsNoChildIsSeenWithoutItsStatus) {
  Loop loop;
  // The shell's child lives on as nobody's child of ours.
  const auto text =
      loop.run(output_of(loop, {.argv = {"sh", "-c", "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"}}, 1));
  const auto pidfd = open_pidfd(std::stoi(text));
  ASSERT_TRUE(pidfd);
  EXPECT_TRUE(send_signal(*pidfd, SIGKILL));
  const auto status = loop.run(wait_exit(loop, *pidfd, loop.in(20s)));
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->known);
  EXPECT_EQ(status->text(), "gone");
}

TEST(ProcessTest, AProcessIsIdentifiedByItsStartAndBoot) {
  const auto own = identify_process(::getpid());
  ASSERT_TRUE(own);
  EXPECT_GT(own->start_time, 0U);
  EXPECT_EQ(own->boot_id.size(), 36U);
  EXPECT_EQ(*own, *identify_process(::getpid()));
  const auto init = identify_process(1);
  ASSERT_TRUE(init);
  EXPECT_NE(*own, *init);
  EXPECT_FALSE(identify_process(-1));
}

TEST(SignalsTest, ASignalIsAnEvent) {
  Loop loop;
  auto signals = Signals::open(loop, {SIGUSR1, SIGUSR2});
  ASSERT_TRUE(signals);
  ::raise(SIGUSR2);
  EXPECT_EQ(*loop.run(signals->next(loop.in(20s))), SIGUSR2);
  EXPECT_EQ(loop.run(signals->next(loop.in(1ms))).error().cause, Cause::timeout);
}

}  // namespace
}  // namespace bulkhead::net
