#include "compartments/pairs.hpp"

#include <array>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bulkhead::compartments {

Result<Pair> make_packet_pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return os_fail("make a socket pair");
  return Pair{Fd(ends[0]), Fd(ends[1])};
}

Result<Pair> make_output_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return os_fail("make a pipe");
  Pair pair{Fd(ends[0]), Fd(ends[1])};
  set_nonblocking(pair.ours);
  return pair;
}

void set_nonblocking(const Fd& fd) { fcntl(fd.get(), F_SETFL, O_NONBLOCK); }

}  // namespace bulkhead::compartments
