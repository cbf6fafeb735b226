#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "net/pieces.hpp"
#include "net/tls.hpp"
#include "net/tls_engine.hpp"
#include "net/tls_records.hpp"
#include "net/tls_wire.hpp"

namespace bulkhead::net {

class StreamSource;

// The TLS of one stream. OpenSSL shakes hands; the records of TLS 1.3 that follow are our own, and OpenSSL's memory of
// the connection is given back (docs/decisions/0019-own-records.md). TLS 1.2 stays with OpenSSL. Private to net.
class TlsState {
 public:
  static Result<std::unique_ptr<TlsState>> make(StreamSource& source, std::shared_ptr<TlsContext> context,
                                                HandshakeOptions options);
  TlsState(const TlsState&) = delete;
  TlsState& operator=(const TlsState&) = delete;

  Result<TlsStep> handshake();
  Result<TlsStep> shut_down();
  std::optional<Result<std::size_t>> read(std::span<char> buffer);
  std::optional<Result<>> write(Pieces& pieces);
  // Whether there are bytes that no event will announce.
  bool has_pending() const;
  // Whether the peer sent nothing but TLS's own messages.
  bool is_idle();

  bool established() const { return established_; }
  const TlsAgreement& agreement() const { return engine_ ? engine_->agreement() : agreement_; }

 private:
  explicit TlsState(StreamSource& source) : wire_(source) {}
  void detach();
  struct Reading {
    std::span<char> room;
    std::size_t total = 0;
  };
  std::optional<Fault> open_records(Reading& reading, std::string_view came);
  Result<> open_one(Reading& reading, std::string_view record);
  std::optional<Result<std::size_t>> end_read(const Reading& reading, Fault fault);
  Fault refuse(Fault fault);
  void take_plain(Reading& reading);
  std::optional<Result<>> write_records(Pieces& pieces);

  TlsWire wire_;
  std::unique_ptr<TlsEngine> engine_;  // until
  std::optional<TlsRecords> records_;  // they are ours
  TlsAgreement agreement_;
  std::string plain_;                // opened, and more than a reader had room for
  std::optional<Fault> read_fault_;  // the end of reading; after data for the next read
  bool established_ = false;
  bool broken_ = false;
  bool ended_ = false;     // by the peer's close_notify
  bool said_end_ = false;  // close_notify or an alert was sent, and nothing may follow
};

}  // namespace bulkhead::net
