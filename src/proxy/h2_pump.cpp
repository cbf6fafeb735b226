#include "proxy/h2_pump.hpp"

#include <algorithm>
#include <bit>

#include "base/release.hpp"

namespace bulkhead::proxy {
namespace {

constexpr std::size_t kFirstRead = 16U << 10U;
constexpr std::size_t kLargestRead = 64U << 10U;
constexpr std::size_t kGathered = 64U << 10U;
constexpr std::size_t kDrained = 1U << 20U;

}  // namespace

std::uint32_t h2_code_of(ResetReason reason) {
  switch (reason) {
    case ResetReason::cancelled:
    case ResetReason::timeout: return http::h2_error::kCancel;
    case ResetReason::internal: return http::h2_error::kInternal;
    case ResetReason::refused: return http::h2_error::kRefused;
    case ResetReason::protocol: return http::h2_error::kProtocol;
  }
  return http::h2_error::kInternal;
}

void keep_piece(std::string_view piece, std::string& body) {
  constexpr std::size_t kLarge = 8U << 10U;
  constexpr std::size_t kRest = 512;
  const std::size_t wanted = body.size() + piece.size();
  if (piece.size() > kLarge && body.capacity() < wanted) body.reserve(std::bit_ceil(wanted + kRest));
  body.append(piece);
}

H2Pump::H2Pump(net::Stream stream, http::H2Session::Role role, const http::H2Limits& limits, http::H2Events& events,
               net::Duration write_timeout, net::Duration linger_time)
    : stream_(std::move(stream)),
      session_(role, limits, events),
      write_timeout_(write_timeout),
      linger_time_(linger_time),
      last_heard_(stream_.loop().now()),
      last_refill_(last_heard_),
      linger_timer_([](void* self) { static_cast<H2Pump*>(self)->stream_.close(); }, this),
      flush_(stream_.loop(), [this] { flush_now(); }),
      gate_(stream_.loop()) {}

void H2Pump::flush_now() {
  if (!writing_ && !ended_ && (session_.want_write() || session_.finished())) gate_.spawn(flush());
}

net::Task<Result<std::size_t>> H2Pump::read_some() {
  if (session_.open_streams() == 0) {
    buffer_.reset();
    const Result<> ready = co_await stream_.wait_readable(net::Deadline::never());
    if (!ready) co_return fail(ready.error());
  }
  if (!buffer_) {
    capacity_ = kFirstRead;
    buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
  }
  const std::span<char> room(buffer_.get(), capacity_);
  const Result<std::size_t> size = co_await stream_.read(room, net::Deadline::never());
  co_return size;
}

net::Task<Fault> H2Pump::run(std::string early, std::function<void()> after_receive) {
  Result<> state = session_.receive(early);
  after_receive();
  flush_later();
  while (state) {
    const Result<std::size_t> size = co_await read_some();
    if (!size) co_return size.error();
    if (*size == 0) co_return Fault{Cause::closed, "the peer ended the connection"};
    if (ended_) co_return Fault{Cause::closed, "ended by this side"};
    last_heard_ = loop().now();
    refill();
    state = session_.receive({buffer_.get(), *size});
    after_receive();
    flush_later();
    if (*size == capacity_ && capacity_ < kLargestRead) {
      capacity_ *= 2;
      buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
    }
  }
  co_return state.error();
}

net::Task<> H2Pump::linger() {
  if (!linger_timer_.armed()) loop().arm(linger_timer_, loop().in(linger_time_));
  if (!writing_ && !ended_) co_await flush();
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(capacity_ = kFirstRead);
  for (std::size_t total = 0; total < kDrained;) {
    const Result<std::size_t> size = co_await stream_.read({buffer_.get(), capacity_}, net::Deadline::never());
    if (!size || *size == 0) break;
    total += *size;
  }
  linger_timer_.cancel();
  stream_.close();
}

void H2Pump::refill() {
  if (last_heard_ - last_refill_ < std::chrono::seconds(1)) return;
  last_refill_ = last_heard_;
  session_.refill_budgets();
}

net::Task<> H2Pump::flush() {
  writing_ = true;
  while (true) {
    out_.clear();
    session_.pull_output(out_, kGathered);
    if (out_.empty()) break;
    const Result<> written = co_await stream_.write(out_, loop().in(write_timeout_));
    if (!written) {
      stream_.close();
      break;
    }
  }
  writing_ = false;
  if (out_.capacity() > kFirstRead) release(out_);
  if (after_flush_) after_flush_();
  if (session_.finished()) co_await end();
}

net::Task<> H2Pump::end() {
  ended_ = true;
  const net::Deadline deadline = loop().in(linger_time_);
  loop().arm(linger_timer_, deadline);
  const Result<> ended = co_await stream_.shutdown_write(deadline);
  if (!ended) stream_.close();
}

}  // namespace bulkhead::proxy
