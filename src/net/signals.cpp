#include "net/signals.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

namespace bulkhead::net {

Result<Signals> Signals::open(Loop& loop, std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) return os_fail("block signals", error);
  Fd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return os_fail("receive signals");
  auto watch = Watch::adopt(loop, std::move(fd));
  if (!watch) return fail(watch.error());
  return Signals(std::move(*watch));
}

Task<Result<int>> Signals::next(Deadline deadline) {
  while (true) {
    const auto ready = co_await watch_.readable(deadline);
    if (!ready) co_return fail(ready.error());
    signalfd_siginfo info{};
    const ssize_t size = ::read(watch_.fd(), &info, sizeof info);
    if (size == sizeof info) co_return static_cast<int>(info.ssi_signo);
    if (size < 0 && errno != EAGAIN && errno != EINTR) co_return os_fail("receive a signal");
    if (size < 0 && errno == EAGAIN) watch_.not_readable();
  }
}

}  // namespace bulkhead::net
