#pragma once

// Moves bytes between a stream and an HTTP/2 session, for both ends of a connection. What a batch of the loop submits
// is written at the batch's end, together.

#include <functional>
#include <memory>
#include <string>

#include "http/h2_session.hpp"
#include "net/event.hpp"
#include "net/gate.hpp"
#include "net/stream.hpp"
#include "proxy/exchange.hpp"

namespace bulkhead::proxy {

class H2Pump {
 public:
  // `events` gets the session's events; it and `after_receive`, which runs after each piece of input, outlive the pump.
  H2Pump(net::Stream stream, http::H2Session::Role role, const http::H2Limits& limits, http::H2Events& events,
         net::Duration write_timeout, net::Duration linger_time);

  http::H2Session& session() { return session_; }
  const http::H2Session& session() const { return session_; }
  net::Stream& stream() { return stream_; }
  net::Loop& loop() { return stream_.loop(); }

  // Reads until the connection's end, of which it tells the reason; `early` was read before.
  net::Task<Fault> run(std::string early, std::function<void()> after_receive);
  // After run(): sends what is left (the GOAWAY that says why), ends our side, and reads what still comes, within a
  // bound of bytes and time, lest the kernel's reset overtake what was sent. Then the stream is closed.
  net::Task<> linger();
  void flush_later() { flush_.schedule(); }
  void after_flush(std::function<void()> call) { after_flush_ = std::move(call); }
  net::SteadyTime last_heard() const { return last_heard_; }
  // Nothing was to be heard until now.
  void touch() { last_heard_ = loop().now(); }

 private:
  net::Task<Result<std::size_t>> read_some();
  void flush_now();
  net::Task<> flush();
  net::Task<> end();
  void refill();

  net::Stream stream_;
  http::H2Session session_;
  net::Duration write_timeout_;
  net::Duration linger_time_;
  std::function<void()> after_flush_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::string out_;
  bool writing_ = false;
  bool ended_ = false;  // our side
  net::SteadyTime last_heard_;
  net::SteadyTime last_refill_;
  net::Timer linger_timer_;
  net::Deferred flush_;
  net::Gate gate_;
};

std::uint32_t h2_code_of(ResetReason reason);
// Keeps a piece of a body for whoever reads it. A large frame comes in the pieces that TLS cut it into, and what the
// last of them needs is made room for with the first.
void keep_piece(std::string_view piece, std::string& body);

}  // namespace bulkhead::proxy
