#include "net/tls_sessions.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <openssl/crypto.h>

namespace bulkhead::net {

TlsSessions::TlsSessions(std::size_t most)
    : most_(most),
      buckets_(std::bit_ceil(std::max<std::size_t>(most, 1)), kNone),
      slots_(std::make_unique_for_overwrite<Slot[]>(most)) {}

TlsSessions::~TlsSessions() {
  for (Index i = 0; i < used_; ++i) OPENSSL_cleanse(slots_[i].encoded.data(), slots_[i].size);
}

// Ids are random octets of our own; one that a client made up is in no list, whichever that is.
std::size_t TlsSessions::bucket_of(std::string_view id) const {
  std::uint64_t front = 0;
  std::memcpy(&front, id.data(), std::min(id.size(), sizeof front));
  return front & (buckets_.size() - 1);
}

TlsSessions::Index TlsSessions::index_of(std::string_view id) const {
  Index index = buckets_[bucket_of(id)];
  while (index != kNone && slots_[index].name() != id) index = slots_[index].next;
  return index;
}

void TlsSessions::empty(Index index) {
  Slot& slot = slots_[index];
  if (slot.size == 0) return;
  Index* link = &buckets_[bucket_of(slot.name())];
  while (*link != index) link = &slots_[*link].next;
  *link = slot.next;
  OPENSSL_cleanse(slot.encoded.data(), slot.size);
  slot.size = 0;
}

void TlsSessions::keep(SSL_SESSION* session) {
  unsigned id_size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &id_size);
  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0 || static_cast<std::size_t>(size) > kRoom || id_size == 0 || most_ == 0) return;
  forget({reinterpret_cast<const char*>(id), id_size});
  const bool grows = used_ < most_;
  const Index index = grows ? used_++ : oldest_;
  if (!grows) oldest_ = static_cast<Index>((oldest_ + 1) % most_);
  Slot& slot = slots_[index];
  if (grows) {
    slot.size = 0;
  } else {
    empty(index);
  }
  unsigned char* end = slot.encoded.data();
  if (i2d_SSL_SESSION(session, &end) != size) return;
  slot.size = static_cast<std::uint16_t>(size);
  slot.id_size = static_cast<std::uint8_t>(id_size);
  std::copy_n(id, id_size, slot.id.begin());
  Index& bucket = buckets_[bucket_of(slot.name())];
  slot.next = bucket;
  bucket = index;
}

OpensslPtr<SSL_SESSION> TlsSessions::find(std::string_view id) const {
  const Index index = index_of(id);
  if (index == kNone) return nullptr;
  const unsigned char* encoded = slots_[index].encoded.data();
  return OpensslPtr<SSL_SESSION>(d2i_SSL_SESSION(nullptr, &encoded, slots_[index].size));
}

void TlsSessions::forget(std::string_view id) {
  if (const Index index = index_of(id); index != kNone) empty(index);
}

}  // namespace bulkhead::net
