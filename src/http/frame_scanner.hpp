#pragma once

// The heads of HTTP/2 frames (RFC 9113 §4.1) in what a server receives, behind the client's preface.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bulkhead::http {

class FrameScanner {
 public:
  static constexpr std::size_t kHead = 9;

  // Consumes up to and with the next frame's head; false when `rest` ends before. The input may come in any pieces.
  bool next(std::string_view& rest);
  std::uint8_t type() const { return head_[3]; }
  std::int32_t stream() const;

 private:
  static constexpr std::size_t kPreface = 24;
  std::array<std::uint8_t, kHead> head_{};
  std::size_t have_ = 0;
  std::size_t skip_ = kPreface;
};

}  // namespace bulkhead::http
