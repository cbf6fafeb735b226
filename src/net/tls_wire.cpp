#include "net/tls_wire.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/release.hpp"
#include "net/stream_source.hpp"
#include "net/tls_keys.hpp"

namespace bulkhead::net {
namespace {

constexpr std::size_t kRead = 20U << 10U;                        // of a handshake: more than a record at a time
constexpr std::size_t kLargestRecord = kTlsPlain + (2U << 10U);  // as TLS 1.2 allows it (RFC 5246 §6.2.3)

// The length of the record that begins here, header included; all there is where that is none, as OpenSSL will say so.
std::size_t record_size(std::string_view bytes) {
  if (bytes.size() < kTlsHeader) return kTlsHeader;
  const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  const std::size_t size = static_cast<std::size_t>(octet(3)) << 8U | octet(4);
  const bool is_record = octet(0) >= static_cast<unsigned char>(TlsContent::change_cipher_spec) &&
                         octet(0) <= static_cast<unsigned char>(TlsContent::application_data) && size <= kLargestRecord;
  return is_record ? kTlsHeader + size : bytes.size();
}

}  // namespace

std::size_t TlsWire::Batch::append(std::string_view bytes) {
  const std::size_t size = std::min(bytes.size(), kRoom - size_);
  std::ranges::copy(bytes.substr(0, size), end());
  size_ += size;
  return size;
}

TlsWire::Batch& TlsWire::begin() {
  static thread_local Batch batch;
  batch.size_ = 0;
  batch_ = &batch;
  return batch;
}

bool TlsWire::send() {
  Batch& batch = *std::exchange(batch_, nullptr);
  std::size_t sent = 0;
  if (unsent_.empty() && batch.size_ > 0) {
    const ssize_t count = source_.transmit(batch.memory_.get(), batch.size_);
    if (count < 0 && errno != EAGAIN) {
      os_error_ = errno;
      return false;
    }
    sent = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  unsent_.append(batch.memory_.get() + sent, batch.size_ - sent);
  return unsent_.empty();
}

bool TlsWire::flush() {
  if (unsent_.empty()) return true;
  const ssize_t count = source_.transmit(unsent_.data(), unsent_.size());
  if (count < 0 && errno != EAGAIN) os_error_ = errno;
  if (count > 0) unsent_.erase(0, static_cast<std::size_t>(count));
  if (unsent_.empty()) release(unsent_);
  return unsent_.empty();
}

int TlsWire::write(const char* bytes, std::size_t size) {
  if (batch_ != nullptr) return static_cast<int>(batch_->append({bytes, size}));
  if (!unsent_.empty()) {
    unsent_.append(bytes, size);
    return static_cast<int>(size);
  }
  const ssize_t count = source_.transmit(bytes, std::min<std::size_t>(size, INT_MAX));
  if (count >= 0) return static_cast<int>(count);
  if (errno != EAGAIN) os_error_ = errno;
  return -errno;
}

void TlsWire::hold(std::string_view bytes) {
  if (bytes.empty()) {
    release(held_);
  } else {
    held_.assign(bytes);
  }
}

std::ptrdiff_t TlsWire::receive(std::span<char> buffer) {
  const std::size_t held = held_.size();
  const ssize_t count = source_.receive(buffer.data() + held, buffer.size() - held);
  if (count > 0) {
    std::ranges::copy(held_, buffer.data());
    release(held_);
    return static_cast<std::ptrdiff_t>(held) + count;
  }
  if (count == 0) {
    at_end_ = true;
    return 0;
  }
  if (errno != EAGAIN) os_error_ = errno;
  return -errno;
}

bool TlsWire::holds_record() const { return !held_.empty() && held_.size() >= record_size(held_); }

int TlsWire::read_record(char* buffer, std::size_t size) {
  static thread_local std::array<char, kRead + kLargestRecord + kTlsHeader> memory;
  if (record_left_ == 0) {
    while (!holds_record()) {
      const std::ptrdiff_t count = receive(memory);
      if (count <= 0) return static_cast<int>(count);
      hold({memory.data(), static_cast<std::size_t>(count)});
    }
    record_left_ = record_size(held_);
  }
  const std::size_t part = std::min(size, record_left_);
  std::copy_n(held_.data(), part, buffer);
  record_left_ -= part;
  held_.erase(0, part);
  if (held_.empty()) release(held_);
  return static_cast<int>(part);
}

}  // namespace bulkhead::net
