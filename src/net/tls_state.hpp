#pragma once

#include <memory>
#include <optional>
#include <span>

#include "net/tls.hpp"

namespace bulkhead::net {

class StreamSource;
struct Pieces;

// The TLS of one stream: OpenSSL's state, on a BIO that reads and writes the stream's socket itself. Private to net.
class TlsState {
 public:
  static Result<std::unique_ptr<TlsState>> make(StreamSource& source, std::shared_ptr<TlsContext> context,
                                                HandshakeOptions options);
  TlsState(const TlsState&) = delete;
  TlsState& operator=(const TlsState&) = delete;
  ~TlsState();

  enum class Step : std::uint8_t { done, wants_read, wants_write };
  Result<Step> handshake();
  Result<Step> shut_down();
  std::optional<Result<std::size_t>> read(std::span<char> buffer);
  std::optional<Result<>> write(Pieces& pieces);
  // Whether OpenSSL holds bytes that no event will announce.
  bool has_pending() const { return SSL_has_pending(ssl_.get()) == 1; }
  // Whether the peer sent nothing but TLS's own messages.
  bool is_idle();

  SSL* ssl() const { return ssl_.get(); }
  const std::string& peer() const { return peer_; }
  bool established() const { return established_; }

  // Called back by OpenSSL.
  bool verify(X509_STORE_CTX* store);
  int choose_certificate();
  void remember_session(SSL_SESSION* session);
  int bio_read(char* buffer, std::size_t size);
  int bio_write(const char* bytes, std::size_t size);
  bool at_end() const { return at_end_; }

 private:
  TlsState(StreamSource& source, std::shared_ptr<TlsContext> context, HandshakeOptions options)
      : source_(source), context_(std::move(context)), options_(std::move(options)) {}
  Result<> set_up();
  Result<> finish_handshake();
  Result<> accept_leaf(X509& leaf);
  Result<> check_resumed();
  std::optional<Step> step_of(int error) const;
  Fault fault_of(int error, const char* doing);
  std::string_view next_chunk(const Pieces& pieces, std::span<char> scratch) const;
  std::optional<Result<>> encrypt(Pieces& pieces);
  bool send_records();

  StreamSource& source_;
  std::shared_ptr<TlsContext> context_;
  HandshakeOptions options_;
  OpensslPtr<SSL> ssl_;
  std::string peer_;
  std::optional<Fault> refused_;     // why we did not accept the peer
  std::optional<Fault> read_fault_;  // met after data; for the next read
  // Encrypted and not yet with the kernel: what a write had too much of. Whatever else is to be sent comes after it.
  std::string unsent_;
  std::string* gathering_ = nullptr;  // where records go while write() makes several
  int os_error_ = 0;
  bool at_end_ = false;
  bool broken_ = false;
  bool established_ = false;
};

}  // namespace bulkhead::net
