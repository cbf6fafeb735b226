#include "compartments/guests.hpp"

#include <array>

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace bulkhead::compartments {

// In the compartment's own devpts: its master can't be opened from outside, its slave not from another compartment.
Result<Ends> make_terminal(WindowSize size) {
  Fd master(open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!master) return os_fail("make a terminal");
  const int unlocked = 0;
  if (ioctl(master.get(), TIOCSPTLCK, &unlocked) != 0) return os_fail("unlock a terminal");
  Fd slave(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave) return os_fail("open a terminal");
  const winsize window{size.rows, size.columns, 0, 0};
  if (ioctl(master.get(), TIOCSWINSZ, &window) != 0) return os_fail("set a terminal's size");
  Ends ends;
  ends.inner.output = Fd(fcntl(slave.get(), F_DUPFD_CLOEXEC, 0));
  ends.inner.errors = Fd(fcntl(slave.get(), F_DUPFD_CLOEXEC, 0));
  if (!ends.inner.output || !ends.inner.errors) return os_fail("open a terminal");
  ends.inner.input = std::move(slave);
  ends.inner.terminal = true;
  ends.outer.push_back(std::move(master));
  return ends;
}

Result<Ends> make_pipes() {
  Ends ends;
  for (int stream = 0; stream < 3; ++stream) {
    std::array<int, 2> pipe{};
    if (pipe2(pipe.data(), O_CLOEXEC) != 0) return os_fail("make a pipe");
    Fd reading(pipe[0]);
    Fd writing(pipe[1]);
    ends.outer.push_back(std::move(stream == 0 ? writing : reading));
    Fd& inner = stream == 0 ? ends.inner.input : stream == 1 ? ends.inner.output : ends.inner.errors;
    inner = std::move(stream == 0 ? reading : writing);
  }
  return ends;
}

Result<std::vector<Fd>> Guests::start(std::uint32_t session, const std::vector<std::string>& command,
                                      const std::optional<std::string>& term, WindowSize size,
                                      const std::vector<Fd>& cgroup_procs) {
  if (command.empty() || command.front().empty()) return fail(Cause::invalid, "there is no command");
  if (sessions_.size() >= kMostGuests)
    return fail(Cause::exhausted, "{} commands run in this instance already", kMostGuests);
  auto ends = term ? make_terminal(size) : make_pipes();
  if (!ends) return fail(ends.error());
  std::map<std::string, std::string> variables;
  if (term && !term->empty()) variables["TERM"] = *term;
  const auto pid = start_program(compartment_, {command, std::move(variables), ends->inner}, cgroup_procs);
  if (!pid) return fail(pid.error());
  sessions_[*pid] = session;
  return std::move(ends->outer);
}

void Guests::signal(std::uint32_t session, int number) const {
  for (const auto& [pid, its] : sessions_)
    if (its == session) kill(-pid, number);
}

std::optional<std::uint32_t> Guests::ended(pid_t pid) {
  const auto found = sessions_.find(pid);
  if (found == sessions_.end()) return std::nullopt;
  const std::uint32_t session = found->second;
  sessions_.erase(found);
  return session;
}

}  // namespace bulkhead::compartments
