#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace bulkhead::net {

class StreamSource;

// The socket under the TLS of one stream: what came and was not opened yet, and what was sealed and could not be sent
// yet. Private to net.
class TlsWire {
 public:
  explicit TlsWire(StreamSource& source) : source_(source) {}
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  // Records that are sent in one call: a place of the thread's own, for one stream at a time, between begin() and
  // send().
  class Batch {
   public:
    static constexpr std::size_t kEnough = 64U << 10U;  // then it is sent; there is room for a record more
    std::size_t size() const { return size_; }
    char* end() { return memory_.get() + size_; }
    void grow(std::size_t size) { size_ += size; }
    std::size_t append(std::string_view bytes);  // what there is room for

   private:
    friend class TlsWire;
    static constexpr std::size_t kRoom = kEnough + (24U << 10U);
    std::unique_ptr<char[]> memory_ = std::make_unique_for_overwrite<char[]>(kRoom);
    std::size_t size_ = 0;
  };
  Batch& begin();
  // False: the socket took not all of it, and it waits here; or it failed (os_error()).
  bool send();
  // What waits, again. False: there is still some.
  bool flush();

  // Whole records for OpenSSL, one at a time, so that it never holds a part of one: octets, 0 at the end, -errno.
  int read_record(char* buffer, std::size_t size);
  bool between_records() const { return record_left_ == 0; }
  int write(const char* bytes, std::size_t size);

  // What came and nobody took.
  std::string_view held() const { return held_; }
  bool holds_record() const;  // a whole one
  void hold(std::string_view bytes);
  // Reads behind what is held: the octets of both, in `buffer`, which has room for more than is held; what was held
  // is so no longer. -errno, and 0 at the end, leave it.
  std::ptrdiff_t receive(std::span<char> buffer);

  StreamSource& source() { return source_; }
  int os_error() const { return os_error_; }
  bool at_end() const { return at_end_; }

 private:
  StreamSource& source_;
  std::string held_;
  std::size_t record_left_ = 0;  // of the record that read_record() gives out
  std::string unsent_;           // whatever else is to be sent comes after it
  Batch* batch_ = nullptr;
  int os_error_ = 0;
  bool at_end_ = false;
};

}  // namespace bulkhead::net
