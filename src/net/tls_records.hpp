#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "net/pieces.hpp"
#include "net/tls.hpp"
#include "net/tls_keys.hpp"

namespace bulkhead::net {

// Whether an alert (RFC 8446 §6.2) is about the certificate of whoever gets it.
bool is_about_certificate(int alert);

// The record protocol of one TLS 1.3 connection after its handshake (RFC 8446 §5), with what may come then besides
// data: alerts (§6), tickets, which are passed over, and new keys (§4.6.3). Octets in, octets out; it knows no socket.
// For one thread. After a Fault only alert() is good.
class TlsRecords {
 public:
  // `largest`: content of a record that the peer takes, at most kTlsPlain.
  TlsRecords(TlsRole role, TlsKeys reads, TlsKeys writes, std::size_t largest)
      : reads_(std::move(reads)), writes_(std::move(writes)), largest_(largest), role_(role) {}

  // How long the record is whose front came, header included; 0: not to be seen yet.
  Result<std::size_t> size_of(std::string_view bytes);

  enum class Kind : std::uint8_t { data, end, nothing };
  struct Opened {
    Kind kind = Kind::nothing;
    std::size_t size = 0;  // of data
  };
  // Opens a whole record into `out`, which has room for open_room(record.size()).
  Result<Opened> open(std::string_view record, char* out);
  static std::size_t open_room(std::size_t record) { return record - kTlsHeader - kTlsTag - 1; }

  // Room for what one seal makes: a record, and one of new keys before it.
  static constexpr std::size_t kSealRoom = kTlsSealed + 2 * (kTlsHeader + 5 + 1 + kTlsTag);
  // Takes the content of one record off `pieces`, and writes it sealed. Octets written.
  Result<std::size_t> seal(Pieces& pieces, char* out);
  // The peer wants new keys of us: the next seal() sends them first (§4.6.3).
  bool owes_keys() const { return owes_keys_; }

  // What the peer is to be told of our Fault (RFC 8446 §6.2); 0: nothing.
  std::uint8_t alert() const { return alert_; }
  Result<std::size_t> seal_alert(std::uint8_t description, char* out);

 private:
  struct Message {  // of the handshake protocol, which records may cut anywhere
    std::array<unsigned char, 4> header{};
    std::uint8_t header_size = 0;
    std::uint32_t left = 0;  // of the body
  };
  std::unexpected<Fault> refuse(std::uint8_t alert, std::string_view why);
  Result<Opened> take_alert(std::string_view content);
  Result<> take_messages(std::string_view content);
  Result<> begin_message();
  Result<> take_keys(std::uint8_t request, bool last);
  Result<std::size_t> seal_keys(char* out);

  TlsKeys reads_;
  TlsKeys writes_;
  std::size_t largest_;
  Message message_;
  unsigned quiet_ = 0;  // records without data, in a row
  std::uint8_t alert_ = 0;
  bool owes_keys_ = false;
  TlsRole role_;
};

}  // namespace bulkhead::net
