#include <cstdlib>
#include <string>
#include <string_view>

#include "net/tls_records.hpp"

namespace {

using bulkhead::net::TlsContent;
using bulkhead::net::TlsKeys;
using bulkhead::net::TlsRecords;
using bulkhead::net::TlsRole;

constexpr std::array<unsigned char, 32> kSecret = {7};

TlsKeys keys_of(TlsKeys::Use use) {
  auto keys = TlsKeys::make(use, bulkhead::net::TlsSuite::aes_128_gcm_sha256, kSecret, 0);
  if (!keys) std::abort();
  return std::move(*keys);
}

}  // namespace

// What a peer that has the keys may put into its records: the input is cut into records (length, type, content), sealed
// and opened. Whatever it is, data arrive as they were sent, until a fault or the end.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const TlsRole role = (input.front() & 1) != 0 ? TlsRole::client : TlsRole::server;
  input.remove_prefix(1);
  TlsKeys theirs = keys_of(TlsKeys::Use::seal);
  TlsRecords ours(role, keys_of(TlsKeys::Use::open), keys_of(TlsKeys::Use::seal), bulkhead::net::kTlsPlain);
  static std::string record(bulkhead::net::kTlsSealed, '\0');
  static std::string out(bulkhead::net::kTlsCipherText, '\0');
  while (input.size() >= 2) {
    const auto length = static_cast<unsigned char>(input[0]);
    const auto type = static_cast<TlsContent>(input[1]);
    const std::string_view content = input.substr(2, length);
    input.remove_prefix(2 + content.size());
    const std::size_t sealed = theirs.seal(type, {&content, 1}, record.data());
    if (ours.size_of(std::string_view(record).substr(0, sealed)).value_or(0) != sealed) std::abort();
    const auto opened = ours.open(std::string_view(record).substr(0, sealed), out.data());
    if (!opened || opened->kind == TlsRecords::Kind::end) return 0;
    if (type == TlsContent::application_data) {
      const bool is_data = opened->kind == TlsRecords::Kind::data;
      if (is_data != !content.empty() || (is_data && std::string_view(out).substr(0, opened->size) != content))
        std::abort();
    }
    if (ours.owes_keys()) {
      // Its own keys have changed, and the answer is two records.
      char octet = 'x';
      iovec piece{&octet, 1};
      bulkhead::net::Pieces pieces{.list = {&piece, 1}};
      static std::string answer(TlsRecords::kSealRoom, '\0');
      if (!ours.seal(pieces, answer.data()) || ours.owes_keys()) std::abort();
      if (!theirs.update()) std::abort();
    }
  }
  // The same octets as they are, as if from the wire: never authentic.
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  TlsRecords wire(role, keys_of(TlsKeys::Use::open), keys_of(TlsKeys::Use::seal), bulkhead::net::kTlsPlain);
  const auto length = wire.size_of(raw);
  if (length && *length > 0 && *length <= raw.size() && wire.open(raw.substr(0, *length), out.data())) std::abort();
  return 0;
}
