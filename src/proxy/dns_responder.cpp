#include "proxy/dns_responder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <set>

#include <fmt/ranges.h>

#include "discovery/dns.hpp"
#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

namespace {

discovery::DnsAddress dns_address(const net::Address& address) {
  discovery::DnsAddress result;
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
    std::memcpy(result.bytes.data(), &v4->sin_addr, sizeof v4->sin_addr);
  } else {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
    result.v6 = true;
    std::memcpy(result.bytes.data(), &v6->sin6_addr, sizeof v6->sin6_addr);
  }
  return result;
}

bool asks_for_address(std::uint16_t type) {
  return type == discovery::kDnsA || type == discovery::kDnsAaaa || type == discovery::kDnsAny;
}

}  // namespace

std::string allowance_for_name(std::string_view name) {
  if (name.empty()) return "";
  if (name.find('.') == std::string_view::npos) return fmt::format("calls: {{{}: }}", name);
  return fmt::format("egress: {{{}: \"https://{}\"}}", name.substr(0, name.find('.')), name);
}

std::string allowance_for_dial(std::string_view ip, std::uint16_t port, bool tcp) {
  if (!tcp || port == 0) return "";
  const bool v6 = ip.find(':') != std::string_view::npos;
  return fmt::format("egress: {{NAME: \"tcp://{}{}{}:{}\"}}", v6 ? "[" : "", ip, v6 ? "]" : "", port);
}

std::string allowance_for_port(const Snapshot& snapshot, const net::Address& dialled) {
  const std::string ip = dialled.ip_text();
  const auto door = std::ranges::find(snapshot.doors, ip, &Door::address);
  if (door == snapshot.doors.end()) return "";
  if (door->kind == DoorKind::egress)
    return allowance_for_dial(snapshot.egress[door->index].host, dialled.port(), true);
  const std::string& service = snapshot.upstreams[door->index].service;
  std::set<std::uint16_t> ports{dialled.port()};
  for (const Upstream& upstream : snapshot.upstreams)
    if (upstream.service == service) ports.insert(upstream.port);
  return fmt::format("calls: {{{}: {{port: [{}]}}}}", service, fmt::join(ports, ", "));
}

Result<> DnsResponder::serve_udp(Fd socket) {
  auto adopted = net::Datagram::adopt(core_.loop, std::move(socket));
  if (!adopted) return fail(within("dns", std::move(adopted.error())));
  udp_ = std::move(*adopted);
  gate_.spawn(run_udp());
  return {};
}

Result<> DnsResponder::serve_tcp(Fd listening) {
  auto adopted = net::Listener::adopt(core_.loop, std::move(listening));
  if (!adopted) return fail(within("dns", std::move(adopted.error())));
  tcp_ = std::move(*adopted);
  gate_.spawn(run_tcp());
  return {};
}

void DnsResponder::close() {
  udp_.close();
  tcp_.close();
}

std::string DnsResponder::answer(std::string_view message, bool udp) {
  const auto query = discovery::parse_dns_query(message);
  if (!query) return discovery::refuse_dns_query(message);
  const std::size_t limit = udp ? query->udp_size : std::numeric_limits<std::uint16_t>::max();
  const auto known = core_.config ? core_.config->resolve(query->name) : std::nullopt;
  if (!known) {
    if (asks_for_address(query->type)) {
      core_.journal.undeclared(query->name, "dns", allowance_for_name(query->name));
    }
    return discovery::answer_dns_query(*query, discovery::DnsCode::no_such_name, {}, defaults::kDnsTtlSeconds, limit);
  }
  return discovery::answer_dns_query(*query, discovery::DnsCode::no_error, {dns_address(*known)},
                                     defaults::kDnsTtlSeconds, limit);
}

net::Task<> DnsResponder::run_udp() {
  std::array<char, 4096> buffer{};
  while (true) {
    const auto received = co_await udp_.receive_from(buffer, net::Deadline::never());
    if (!received) co_return;
    const std::string text = answer(std::string_view(buffer.data(), received->size), true);
    // What can't be sent now is asked for again.
    if (!text.empty()) static_cast<void>(udp_.send_to(text, received->from));
  }
}

net::Task<> DnsResponder::run_tcp() {
  while (true) {
    auto stream = co_await tcp_.accept();
    if (!stream) co_return;
    if (connections_ < defaults::kMaxDnsConnections) gate_.spawn(serve_connection(std::move(*stream)));
  }
}

net::Task<> DnsResponder::serve_connection(net::Stream stream) {
  struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& counter) : count(counter) { ++count; }
    ~Counted() { --count; }
  } const counted(connections_);
  std::string pending;
  std::array<char, 2048> buffer{};
  while (true) {
    const auto deadline = core_.loop.in(defaults::kDnsTcpSilence);
    const auto read = co_await stream.read(buffer, deadline);
    if (!read || *read == 0) co_return;
    pending.append(buffer.data(), *read);
    while (const auto message = discovery::tcp_message(pending)) {
      const std::string text = answer(*message, false);
      if (text.empty()) co_return;
      const std::string framed = discovery::with_tcp_length(text);
      const std::size_t used = message->size() + 2;
      const auto written = co_await stream.write(framed, deadline);
      if (!written) co_return;
      pending.erase(0, used);
    }
  }
}

}  // namespace bulkhead::proxy
