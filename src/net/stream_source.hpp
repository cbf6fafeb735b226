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

  // Of a connection that was accepted from a listener: kLeastUnsent holds until its peer has read some, and then
  // kMostUnsent.
  void begin_with_little_unsent() { until_more_unsent_ = kShown; }

  std::unique_ptr<TlsState> tls;

  // What the kernel keeps for a peer that does not read, besides what is on its way: by itself it would take several
  // MiB, all of which would have been fetched, decrypted and encrypted for whom may never read it.
  static constexpr int kLeastUnsent = 32 << 10;
  static constexpr int kMostUnsent = 128 << 10;

 private:
  static constexpr std::size_t kShown = 256 << 10;  // sent, after which a peer is one that reads

  std::optional<Result<>> write_plain(Pieces& pieces);
  void see_sent(std::size_t count);

  std::size_t until_more_unsent_ = 0;  // octets; 0: nothing changes any more
};

// The fault for a failed system call on a connection.
Fault connection_fault(const char* doing, int error);

}  // namespace bulkhead::net
