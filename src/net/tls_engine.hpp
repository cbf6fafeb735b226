#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "net/pieces.hpp"
#include "net/tls.hpp"
#include "net/tls_records.hpp"
#include "net/tls_wire.hpp"

namespace bulkhead::net {

enum class TlsStep : std::uint8_t { done, wants_read, wants_write };

// What a handshake agreed on.
struct TlsAgreement {
  std::string peer;  // as accept_peer said
  std::string alpn;
  const char* version = "";
  bool resumed = false;
  PeerCertificates certificates;  // with PeerCheck::asked
};

// OpenSSL's part of a stream's TLS, on a BIO that is the stream's wire: the handshake always, and of TLS 1.2 and of
// whatever detach() does not take also what comes after it. Private to net.
class TlsEngine {
 public:
  static Result<std::unique_ptr<TlsEngine>> make(TlsWire& wire, std::shared_ptr<TlsContext> context,
                                                 HandshakeOptions options);
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;
  ~TlsEngine();

  Result<TlsStep> handshake();
  const TlsAgreement& agreement() const { return agreement_; }

  Result<TlsStep> shut_down();
  std::optional<Result<std::size_t>> read(std::span<char> buffer);
  std::optional<Result<>> write(Pieces& pieces);
  bool has_pending() const { return SSL_has_pending(ssl_.get()) == 1 || wire_.holds_record(); }
  bool is_idle();

  // The keys, once OpenSSL is no longer needed: TLS 1.3 was agreed on, and a client that resumes has its ticket or
  // data came without one. Then nothing else may be called.
  std::optional<TlsRecords> detach();
  TlsAgreement take_agreement() { return std::move(agreement_); }

  // Called back by OpenSSL.
  bool verify(X509_STORE_CTX* store);
  int choose_certificate();
  void remember_session(SSL_SESSION* session);
  void take_secret(std::string_view line);
  void see_message(bool ours, std::uint8_t type);
  int bio_read(char* buffer, std::size_t size);
  int bio_write(const char* bytes, std::size_t size);
  bool at_end() const { return wire_.at_end(); }

 private:
  struct Secret {
    std::array<unsigned char, 48> octets{};
    std::size_t size = 0;
    std::span<const unsigned char> span() const { return std::span(octets).first(size); }
  };
  TlsEngine(TlsWire& wire, std::shared_ptr<TlsContext> context, HandshakeOptions options)
      : wire_(wire), context_(std::move(context)), options_(std::move(options)) {}
  Result<> set_up();
  Result<> finish_handshake();
  void take_certificates();
  Result<> accept_leaf(X509& leaf);
  Result<> check_resumed();
  std::optional<TlsStep> step_of(int error) const;
  Fault fault_of(int error, const char* doing);
  std::string_view next_chunk(const Pieces& pieces, std::span<char> scratch) const;
  std::optional<Result<>> encrypt(Pieces& pieces, TlsWire::Batch& batch);
  bool is_server() const { return context_->config().role == TlsRole::server; }

  TlsWire& wire_;
  std::shared_ptr<TlsContext> context_;
  HandshakeOptions options_;
  OpensslPtr<SSL> ssl_;
  TlsAgreement agreement_;
  std::optional<Fault> refused_;     // why we did not accept the peer
  std::optional<Fault> read_fault_;  // met after data; for the next read
  Secret client_secret_;
  Secret server_secret_;
  std::uint64_t records_read_ = 0;  // under them
  std::uint64_t records_written_ = 0;
  bool established_ = false;
  bool broken_ = false;
  bool new_keys_ = false;  // it changed keys itself, so that the secrets are no longer those
  bool awaits_ticket_ = false;
};

}  // namespace bulkhead::net
