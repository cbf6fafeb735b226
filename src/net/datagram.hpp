#pragma once

#include <span>
#include <string_view>

#include "net/address.hpp"
#include "net/task.hpp"
#include "net/watch.hpp"

namespace bulkhead::net {

// A bound, non-blocking UDP socket, for those without a loop.
Result<Fd> open_datagram_socket(const Address& address);

// A UDP socket.
class Datagram {
 public:
  Datagram() = default;
  static Result<Datagram> open(Loop& loop, const Address& address);
  static Result<Datagram> adopt(Loop& loop, Fd fd);

  struct Received {
    std::size_t size;
    Address from;
  };
  // A datagram that is longer than `buffer` is dropped and the next one awaited.
  Task<Result<Received>> receive_from(std::span<char> buffer, Deadline deadline);
  // Never waits: what does not fit the send buffer is lost, as datagrams may be.
  Result<> send_to(std::string_view bytes, const Address& to);
  Address address() const;
  void close() { watch_.close(); }

 private:
  explicit Datagram(Watch watch) : watch_(std::move(watch)) {}
  Watch watch_;
};

}  // namespace bulkhead::net
