#include "proxy/dial_watch.hpp"

#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/nflog.hpp"
#include "proxy/dns_responder.hpp"

namespace bulkhead::proxy {

namespace {

std::string_view protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP: return "tcp";
    case IPPROTO_UDP: return "udp";
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: return "icmp";
    default: return "ip";
  }
}

std::string target_of(const net::DialAttempt& attempt) {
  if (attempt.destination_port == 0) return attempt.destination;
  const bool v6 = attempt.destination.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", attempt.destination, v6 ? "]" : "", attempt.destination_port);
}

}  // namespace

Result<> DialWatch::watch(Fd nflog) {
  auto adopted = net::Watch::adopt(core_.loop, std::move(nflog));
  if (!adopted) return fail(within("nflog", std::move(adopted.error())));
  watch_ = std::move(*adopted);
  gate_.spawn(run());
  return {};
}

net::Task<> DialWatch::run() {
  std::array<std::byte, 16384> buffer{};
  while (true) {
    const ssize_t size = ::recv(watch_.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    // ENOBUFS: more was logged than could be kept; what follows is good again.
    if (size < 0 && (errno == ENOBUFS || errno == EINTR)) continue;
    if (size < 0 && errno == EAGAIN) {
      watch_.not_readable();
      const auto readable = co_await watch_.readable(net::Deadline::never());
      if (!readable) co_return;
      continue;
    }
    if (size <= 0) co_return;
    for (const net::DialAttempt& attempt : net::parse_nflog({buffer.data(), static_cast<std::size_t>(size)})) {
      const std::string allow =
          allowance_for_dial(attempt.destination, attempt.destination_port, attempt.protocol == IPPROTO_TCP);
      core_.journal.undeclared(target_of(attempt), protocol_name(attempt.protocol), allow);
    }
  }
}

}  // namespace bulkhead::proxy
