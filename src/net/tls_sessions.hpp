#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

#include "net/tls.hpp"

namespace bulkhead::net {

// What a server remembers of clients without certificates, to resume with: the newest `most` sessions, encoded, in one
// block of memory. OpenSSL's own cache would leave each of them as a dozen pieces all over the heap, of which every one
// holds its page after a burst of clients has gone. For one thread. Private to net.
class TlsSessions {
 public:
  explicit TlsSessions(std::size_t most);
  TlsSessions(const TlsSessions&) = delete;
  TlsSessions& operator=(const TlsSessions&) = delete;
  ~TlsSessions();

  // A session that is unusually large is not kept.
  void keep(SSL_SESSION* session);
  OpensslPtr<SSL_SESSION> find(std::string_view id) const;
  void forget(std::string_view id);

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = UINT32_MAX;
  static constexpr std::size_t kRoom = 512;
  struct Slot {
    // Nothing is initialized, so that memory that no session needed yet is never touched.
    Index next;          // of the same bucket
    std::uint16_t size;  // 0: empty
    std::uint8_t id_size;
    std::array<unsigned char, SSL_MAX_SSL_SESSION_ID_LENGTH> id;
    std::array<unsigned char, kRoom> encoded;
    std::string_view name() const { return {reinterpret_cast<const char*>(id.data()), id_size}; }
  };
  std::size_t bucket_of(std::string_view id) const;
  Index index_of(std::string_view id) const;
  void empty(Index index);

  std::size_t most_;
  std::vector<Index> buckets_;     // heads of lists
  std::unique_ptr<Slot[]> slots_;  // the first used_ have been
  Index used_ = 0;
  Index oldest_ = 0;  // once all are used
};

}  // namespace bulkhead::net
