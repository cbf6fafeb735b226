#include "proxy/grpc_messages.hpp"

#include <algorithm>

namespace bulkhead::proxy {

namespace {

std::uint64_t length_in(std::string_view prefix) {
  std::uint64_t length = 0;
  for (const char octet : prefix.substr(1, 4)) length = (length << 8U) | static_cast<unsigned char>(octet);
  return length;
}

}  // namespace

GrpcMessages::Next GrpcMessages::begin(std::string_view prefix, std::uint64_t most) {
  if (prefix.front() != 0) return prefix.front() == 1 ? Next::compressed : Next::malformed;
  return length_in(prefix) > most ? Next::too_large : Next::message;
}

std::size_t GrpcMessages::framed_size(std::string_view prefix) {
  return kPrefix + static_cast<std::size_t>(length_in(prefix));
}

GrpcMessages::Next GrpcMessages::take(std::string_view& data) {
  if (!framed_.empty()) {
    framed_ = {};
    buffer_.clear();
  }
  if (buffer_.size() < kPrefix && buffer_.size() + data.size() < kPrefix) {
    buffer_.append(data);
    data = {};
    return Next::more;
  }
  if (buffer_.size() < kPrefix && !buffer_.empty()) {
    const std::size_t missing = kPrefix - buffer_.size();
    buffer_.append(data.substr(0, missing));
    data.remove_prefix(missing);
  }
  const std::string_view prefix = buffer_.empty() ? data.substr(0, kPrefix) : std::string_view(buffer_);
  if (const Next next = begin(prefix, most_); next != Next::message) return next;
  const std::size_t whole = framed_size(prefix);
  if (buffer_.empty() && data.size() >= whole) {
    framed_ = data.substr(0, whole);
    data.remove_prefix(whole);
    return Next::message;
  }
  const std::size_t taken = std::min(whole - buffer_.size(), data.size());
  buffer_.append(data.substr(0, taken));
  data.remove_prefix(taken);
  if (buffer_.size() < whole) return Next::more;
  framed_ = buffer_;
  return Next::message;
}

}  // namespace bulkhead::proxy
