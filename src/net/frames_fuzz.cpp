#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include "net/frames.hpp"
#include "net/loop.hpp"

// Any bytes of a peer are frames in order and then its end or a fault, wherever a write of it ended.
namespace {

using namespace bulkhead;

std::vector<std::string> by_definition(std::string_view bytes) {
  std::vector<std::string> frames;
  while (bytes.size() >= 4) {
    std::size_t size = 0;
    for (const char c : bytes.substr(0, 4)) size = size << 8U | static_cast<unsigned char>(c);
    if (size > net::kMaxFrame || bytes.size() - 4 < size) break;
    frames.emplace_back(bytes.substr(4, size));
    bytes.remove_prefix(4 + size);
  }
  return frames;
}

net::Task<std::vector<std::string>> received(net::Loop& loop, Fd near, Fd far, std::string_view bytes,
                                             std::size_t cut) {
  auto stream = net::Stream::adopt(loop, std::move(near));
  if (!stream) std::abort();
  net::FrameChannel channel(std::move(*stream));
  std::vector<std::string> frames;
  const auto write = [&](std::string_view part) {
    if (::write(far.get(), part.data(), part.size()) != static_cast<ssize_t>(part.size())) std::abort();
  };
  write(bytes.substr(0, cut));
  // One turn of the receiver between the two writes: whatever it waits for, the rest is there next.
  if (cut >= 4 && !by_definition(bytes.substr(0, cut)).empty()) {
    auto first = co_await channel.receive(loop.in(std::chrono::seconds(20)));
    if (!first) co_return frames;
    frames.push_back(std::move(first->payload));
  }
  write(bytes.substr(cut));
  far.reset();  // its end
  while (true) {
    auto next = co_await channel.receive(loop.in(std::chrono::seconds(20)));
    if (!next) break;
    frames.push_back(std::move(next->payload));
  }
  co_return frames;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static net::Loop loop;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  auto task = received(loop, Fd(ends[0]), Fd(ends[1]), bytes, data[0] % bytes.size());
  if (loop.run(std::move(task)) != by_definition(bytes)) std::abort();
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  const Fd near(ends[0]);
  const Fd far(ends[1]);
  if (!net::send_message(far.get(), bytes)) std::abort();
  const auto message = net::receive_message(near.get());
  if (!message || message->payload != bytes) std::abort();
  return 0;
}
