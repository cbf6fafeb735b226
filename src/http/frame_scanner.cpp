#include "http/frame_scanner.hpp"

#include <algorithm>

namespace bulkhead::http {

bool FrameScanner::next(std::string_view& rest) {
  if (have_ == head_.size()) have_ = 0;
  while (have_ < head_.size()) {
    const std::size_t skipped = std::min(skip_, rest.size());
    rest.remove_prefix(skipped);
    skip_ -= skipped;
    if (rest.empty()) return false;
    head_[have_++] = static_cast<std::uint8_t>(rest.front());
    rest.remove_prefix(1);
  }
  skip_ = static_cast<std::size_t>(head_[0]) << 16U | static_cast<std::size_t>(head_[1]) << 8U | head_[2];
  return true;
}

std::int32_t FrameScanner::stream() const {
  const std::uint32_t id = static_cast<std::uint32_t>(head_[5]) << 24U | static_cast<std::uint32_t>(head_[6]) << 16U |
                           static_cast<std::uint32_t>(head_[7]) << 8U | head_[8];
  return static_cast<std::int32_t>(id & 0x7fffffffU);
}

}  // namespace bulkhead::http
