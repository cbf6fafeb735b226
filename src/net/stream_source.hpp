#pragma once

#include <memory>
#include <optional>
#include <span>

#include "net/pieces.hpp"
#include "net/tls_state.hpp"
#include "net/watch.hpp"

namespace bulkhead::net {

// The socket of a Stream, and the TLS inside it. Private to net.
class StreamSource final : public Source {
 public:
  using Source::Source;
  ~StreamSource() override;

  // Nothing: it would block, and `readable` or `writable` is false now.
  std::optional<Result<std::size_t>> try_read(std::span<char> buffer);
  std::optional<Result<>> try_write(Pieces& pieces);

  void set_reader_needs_writable(bool needs) { reader_needs_writable_ = needs; }

  // The socket itself, keeping the readiness flags: the count, or -1 with errno (EAGAIN without a system call when it
  // is known).
  ssize_t receive(char* buffer, std::size_t size);
  ssize_t transmit(const char* bytes, std::size_t size);

  std::unique_ptr<TlsState> tls;

 private:
  std::optional<Result<>> write_plain(Pieces& pieces);
};

// The fault for a failed system call on a connection.
Fault connection_fault(const char* doing, int error);

}  // namespace bulkhead::net
