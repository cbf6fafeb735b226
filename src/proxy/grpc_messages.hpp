#pragma once

// A gRPC body cut into its messages: each has a flag and a length before it ("gRPC over HTTP2",
// Length-Prefixed-Message). Pure; keeps no more than one message.

#include <cstdint>
#include <string>
#include <string_view>

namespace bulkhead::proxy {

class GrpcMessages {
 public:
  static constexpr std::size_t kPrefix = 5;

  // `most`: octets of a message, without its prefix.
  explicit GrpcMessages(std::uint64_t most) : most_(most) {}

  enum class Next : std::uint8_t {
    more,        // all of `data` was taken, and belongs to a message that is not whole
    message,     // one is whole
    compressed,  // one begins that says it is packed
    malformed,   // one begins with a flag that there is none of
    too_large,
  };
  // What a prefix says of its message: `message` where it may come.
  static Next begin(std::string_view prefix, std::uint64_t most);
  // How long the message is with its prefix.
  static std::size_t framed_size(std::string_view prefix);

  // Takes from the front of `data`. After anything but `more` and `message` it is of no further use, but for pending().
  Next take(std::string_view& data);

  // The message that is whole, with and without its prefix; lives until the next take(), and no longer than the data.
  std::string_view framed() const { return framed_; }
  std::string_view message() const { return framed_.substr(kPrefix); }
  // What was taken of a message that is not whole.
  std::string_view pending() const { return framed_.empty() ? std::string_view(buffer_) : std::string_view(); }
  // Octets that are held here.
  std::size_t held() const { return buffer_.size(); }

 private:
  std::uint64_t most_;
  std::string buffer_;
  std::string_view framed_;  // in `buffer_` or in the data
};

}  // namespace bulkhead::proxy
