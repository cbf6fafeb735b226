#pragma once

// Connected descriptors, close-on-exec: one end stays with the keeper or init, the other goes to whom they speak with.

#include "base/fd.hpp"
#include "base/result.hpp"

namespace bulkhead::compartments {

struct Pair {
  Fd ours, theirs;
};

// Unix sockets that keep packets apart; blocking.
Result<Pair> make_packet_pair();
// `ours` is to be read and does not block.
Result<Pair> make_output_pipe();
void set_nonblocking(const Fd& fd);

}  // namespace bulkhead::compartments
