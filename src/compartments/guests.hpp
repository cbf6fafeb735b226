#pragma once

// Programs that operators run inside a compartment besides its service: each is exactly what the service is (uid,
// filter, limits, environment), in a session of its own. For the namespace's init only.
//
// Nothing of the host's is handed in: terminal and pipes are made in here, and their outer ends handed out. What a
// service can reach of a guest (it has the same uid) leads nowhere but to that guest.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/service.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

inline constexpr std::size_t kMostGuests = 16;  // at once, in one instance

struct WindowSize {
  std::uint16_t rows = 0, columns = 0;
};

// A program's ends of its streams, and the outer ones: a terminal's master, or pipes to its standard input and from its
// standard output and error.
struct Ends {
  Streams inner;
  std::vector<Fd> outer;
};
Result<Ends> make_terminal(WindowSize size);
Result<Ends> make_pipes();

class Guests {
 public:
  explicit Guests(const Compartment& compartment) : compartment_(compartment) {}

  // Gives the outer ends. `term`: with a terminal, of which this is the TERM.
  Result<std::vector<Fd>> start(std::uint32_t session, const std::vector<std::string>& command,
                                const std::optional<std::string>& term, WindowSize size,
                                const std::vector<Fd>& cgroup_procs);
  bool any() const { return !sessions_.empty(); }
  // To the guest's process group.
  void signal(std::uint32_t session, int number) const;
  // Whose process that was, if a guest's.
  std::optional<std::uint32_t> ended(pid_t pid);

 private:
  const Compartment& compartment_;
  std::map<pid_t, std::uint32_t> sessions_;
};

}  // namespace bulkhead::compartments
