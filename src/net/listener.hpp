#pragma once

#include <optional>

#include "net/address.hpp"
#include "net/stream.hpp"

namespace bulkhead::net {

struct ListenOptions {
  int backlog = 4096;
  unsigned mode = 0600;      // of a Unix socket's path
  bool reuse_port = false;   // several listeners share a TCP port
  bool transparent = false;  // IP_TRANSPARENT, for TPROXY
  bool seqpacket = false;    // Unix: SOCK_SEQPACKET instead of a stream
};

// A bound, listening, non-blocking socket, for those that have no loop (a keeper hands it on). The path of a Unix
// socket that nobody listens on any more is removed first; one that answers is Cause::conflict.
Result<Fd> open_listening_socket(const Address& address, const ListenOptions& options = {});

// Accepts connections. A path that open() made is removed when the listener is closed or destroyed, unless it is left.
class Listener {
 public:
  Listener() = default;
  static Result<Listener> open(Loop& loop, const Address& address, const ListenOptions& options = {});
  static Result<Listener> adopt(Loop& loop, Fd listening);
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener() { close(); }

  explicit operator bool() const { return static_cast<bool>(watch_); }
  // One at a time. Connections that ended in the backlog are skipped; a lack of descriptors or memory is waited out
  // (the kernel keeps the callers queued). Fails with Cause::closed after close(), or Cause::io when the socket broke.
  Task<Result<Stream>> accept();
  Task<Result<Fd>> accept_fd();
  const Address& address() const { return address_; }  // with the port that was chosen for port 0
  int fd() const { return watch_.fd(); }
  void leave_path() { path_.clear(); }
  // Of a Unix socket that was adopted: as if open() had made it.
  void own_path();
  void close();

 private:
  Watch watch_;
  Address address_;
  std::string path_;  // to remove
};

}  // namespace bulkhead::net
