#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "net/stream.hpp"

namespace bulkhead::proxy {

struct Spliced {
  std::uint64_t to_right = 0;
  std::uint64_t to_left = 0;
  bool broke_off = false;  // one side ended with an error instead of an end
};

// Carries bytes both ways until both ends have ended, each by itself (half-close is kept). When one side breaks, the
// other is reset. Back pressure: a side is read only when the other has taken what came before. No idle limit; no
// buffer is held while nothing flows. Closing either stream from elsewhere ends it. `early` was read from `left`
// already.
net::Task<Spliced> splice(net::Stream& left, net::Stream& right, std::string_view early = {});

// Fills `bytes` wholly. Cause::closed when the peer ends before.
net::Task<Result<>> read_whole(net::Stream& stream, std::span<char> bytes, net::Deadline deadline);

}  // namespace bulkhead::proxy
