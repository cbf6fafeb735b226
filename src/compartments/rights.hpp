#pragma once

// One packet or chunk with descriptors beside it (SCM_RIGHTS) over a Unix socket. Nothing here waits unless the socket
// is a blocking one.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace bulkhead::compartments {

inline constexpr std::size_t kMaxRights = 64;

struct Received {
  std::size_t size = 0;
  std::vector<Fd> rights;  // close-on-exec
  std::optional<int> pid;  // the sender's word for a process (SCM_CREDENTIALS), translated to our pid namespace
};

// `pid`: also sends SCM_CREDENTIALS that name this process of ours; the receiver must have SO_PASSCRED.
// Cause::exhausted when the socket is full, Cause::closed when the peer is gone. A stream socket may take less than all
// of `bytes`.
Result<std::size_t> send_with_rights(int socket, std::span<const std::byte> bytes, std::span<const int> rights,
                                     std::optional<int> pid = std::nullopt);

// size 0 is the end of file. Cause::exhausted when there is nothing now, Cause::protocol when the packet or its
// descriptors were cut.
Result<Received> receive_with_rights(int socket, std::span<std::byte> buffer);

}  // namespace bulkhead::compartments
