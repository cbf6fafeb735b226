#include "proxy/splice.hpp"

#include <memory>
#include <span>

#include "net/gate.hpp"
#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

namespace {

// False when either side broke.
net::Task<bool> carry(net::Stream& from, net::Stream& to, std::string_view early, std::uint64_t& count) {
  const auto never = net::Deadline::never();
  if (!early.empty()) {
    const auto written = co_await to.write(early, never);
    if (!written) co_return false;
    count += early.size();
  }
  while (true) {
    const auto ready = co_await from.wait_readable(never);
    if (!ready) co_return false;
    const auto memory = std::make_unique_for_overwrite<char[]>(defaults::kSpliceBuffer);
    const std::span<char> buffer(memory.get(), defaults::kSpliceBuffer);
    // One buffer serves as long as it is filled; it goes when the source falls silent.
    std::size_t size = buffer.size();
    while (size == buffer.size()) {
      const auto read = co_await from.read(buffer, never);
      if (!read) co_return false;
      size = *read;
      if (size == 0) {
        const auto ended = co_await to.shutdown_write(never);
        co_return ended.has_value();
      }
      const auto written = co_await to.write(std::string_view(buffer.data(), size), never);
      if (!written) co_return false;
      count += size;
    }
  }
}

void break_off(net::Stream& left, net::Stream& right, bool& broke_off) {
  broke_off = true;
  left.reset();
  right.reset();
}

net::Task<> carry_back(net::Stream& left, net::Stream& right, Spliced& result) {
  const bool whole = co_await carry(right, left, {}, result.to_left);
  if (!whole) break_off(left, right, result.broke_off);
}

}  // namespace

net::Task<Spliced> splice(net::Stream& left, net::Stream& right, std::string_view early) {
  Spliced result;
  net::Gate gate(left.loop());
  gate.spawn(carry_back(left, right, result));
  const bool whole = co_await carry(left, right, early, result.to_right);
  if (!whole) break_off(left, right, result.broke_off);
  co_await gate.close();
  co_return result;
}

net::Task<Result<>> read_whole(net::Stream& stream, std::span<char> bytes, net::Deadline deadline) {
  while (!bytes.empty()) {
    const auto read = co_await stream.read(bytes, deadline);
    if (!read) co_return fail(read.error());
    if (*read == 0) co_return fail(Cause::closed, "the peer ended early");
    bytes = bytes.subspan(*read);
  }
  co_return Result<>{};
}

}  // namespace bulkhead::proxy
