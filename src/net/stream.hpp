#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/uio.h>

#include "net/address.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"
#include "net/tls.hpp"
#include "net/watch.hpp"

namespace bulkhead::net {

class StreamSource;

// Reads at least one byte unless the peer has ended (0).
class [[nodiscard]] ReadOperation final : public TypedOperation<std::size_t> {
 public:
  ReadOperation(StreamSource* source, std::span<char> buffer, Deadline deadline);

 private:
  bool attempt() override;
  std::span<char> buffer_;
};

// Writes all of what it was given, gathered. The bytes and the list must stay until it is done.
class [[nodiscard]] WriteOperation final : public TypedOperation<void> {
 public:
  WriteOperation(StreamSource* source, std::string_view bytes, Deadline deadline);
  WriteOperation(StreamSource* source, std::span<const iovec> pieces, Deadline deadline);

 private:
  bool attempt() override;
  iovec single_;
  std::span<const iovec> pieces_;
  std::size_t offset_ = 0;  // written of the first piece
};

// A connected TCP or Unix stream socket, with TLS inside once handshake() succeeded. TCP_NODELAY is on. One coroutine
// may read while another writes; all on the loop's thread. Destroying it closes it. After an operation failed (timeout
// included) the stream is only good for close().
//
// Faults of reading and writing: timeout; closed (this side closed it, or the peer reset it or ended TLS without
// close_notify); protocol (TLS); io.
class Stream {
 public:
  Stream();
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // Takes over a stream socket, connected or still connecting (then await wait_connected).
  static Result<Stream> adopt(Loop& loop, Fd fd);

  explicit operator bool() const;  // holds a socket that was not closed
  Loop& loop() const;
  int fd() const;

  // 0 is the peer's end (with TLS: its close_notify).
  ReadOperation read(std::span<char> buffer, Deadline deadline) {
    return ReadOperation(source_.get(), buffer, deadline);
  }
  WriteOperation write(std::string_view bytes, Deadline deadline) {
    return WriteOperation(source_.get(), bytes, deadline);
  }
  WriteOperation write(std::span<const iovec> pieces, Deadline deadline) {
    return WriteOperation(source_.get(), pieces, deadline);
  }
  // Until a read would not wait, holding no buffer meanwhile. With TLS it may be a false alarm: read may still wait.
  ReadyOperation wait_readable(Deadline deadline);
  ReadyOperation wait_writable(Deadline deadline);
  // After the caller's own recvmsg or sendmsg on fd() met EAGAIN.
  void not_readable();
  void not_writable();
  // After adopt() of a connecting socket. Any fault but timeout means that nothing was sent.
  Task<Result<>> wait_connected(Deadline deadline);

  // Ends this direction: TLS close_notify, then FIN. Reading goes on.
  Task<Result<>> shutdown_write(Deadline deadline);
  // O(1), from any coroutine of the thread, twice too. Whoever waits is resumed later with Cause::closed. To a TLS peer
  // it is an abort; shutdown_write() first where the message was whole.
  void close();
  // Closes with a reset (TCP), so that the peer sees an error and not an end.
  void reset();
  // Takes the socket out of the loop; without TLS only.
  Fd release();

  // For a pool: still open, and the peer sent nothing that nobody asked for. No wait; usually no system call.
  bool is_idle();

  Address local_address() const;  // under TPROXY: the original destination
  Address peer_address() const;
  Result<ucred> peer_credentials() const;  // Unix sockets: who connected, as of connect()

  // TLS on this stream; then read and write are plaintext. The fault of a refused peer says who was expected and who
  // was found. See tls.hpp.
  Task<Result<>> handshake(std::shared_ptr<TlsContext> context, HandshakeOptions options, Deadline deadline);
  bool is_tls() const;
  std::string_view alpn() const;         // empty without
  std::string_view tls_version() const;  // "TLSv1.3"
  bool tls_resumed() const;
  // Who TlsConfig::accept_peer says the peer is; empty without TLS or such a check.
  const std::string& peer() const;
  // With PeerCheck::asked: what the peer presented; of a resumed session what it presented at first. Else empty.
  PeerCertificates peer_certificates() const;

 private:
  friend class Listener;
  friend Task<Result<Stream>> connect_fd(Loop& loop, Fd fd, Address address, Deadline deadline);
  explicit Stream(SourceHandle<StreamSource> source);
  // A non-blocking stream socket with its options set.
  static Result<Stream> wrap(Loop& loop, Fd fd);
  static Result<Stream> accepted(Loop& loop, Fd fd);
  SourceHandle<StreamSource> source_;
};

// Connects. Every fault means that nothing was sent: unreachable (refused, no such path, a full Unix backlog, no
// route), timeout, denied, exhausted.
Task<Result<Stream>> connect(Loop& loop, Address address, Deadline deadline);
// The same on a socket that the caller made (in another network namespace, bound, marked).
Task<Result<Stream>> connect_fd(Loop& loop, Fd fd, Address address, Deadline deadline);

}  // namespace bulkhead::net
