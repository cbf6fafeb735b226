#include "proxy/tunnels.hpp"

#include <array>

#include "net/client_hello.hpp"
#include "proxy/defaults.hpp"
#include "proxy/splice.hpp"

namespace bulkhead::proxy {

namespace {

std::unexpected<Why> unreachable(const Fault& fault) {
  return std::unexpected(Why{RefusalCause::unreachable, fault.message});
}

}  // namespace

net::Task<std::expected<net::Stream, Why>> open_tunnel(Mesh& mesh, const Cluster& cluster, EndpointState& endpoint,
                                                       TcpPreamble preamble) {
  const auto deadline = mesh.loop.in(defaults::kHandshake);
  auto stream = co_await connect_to_peer(mesh, cluster, endpoint, mesh.credentials.client_tcp(), deadline);
  if (!stream) co_return unreachable(stream.error());
  const std::string request = encode(preamble);
  const auto written = co_await stream->write(request, deadline);
  if (!written) co_return unreachable(written.error());
  std::string bytes(TcpAnswer::kHeadSize, '\0');
  const auto read = co_await read_whole(*stream, bytes, deadline);
  if (!read) co_return unreachable(read.error());
  const auto head = decode_tcp_answer_head(bytes);
  if (!head) co_return unreachable(head.error());
  std::string reason(head->reason_size, '\0');
  const auto explained = co_await read_whole(*stream, reason, deadline);
  if (!explained) co_return unreachable(explained.error());
  if (head->status == TcpStatus::ok) co_return std::move(*stream);
  const bool denied = head->status == TcpStatus::denied;
  co_return std::unexpected(Why{denied ? RefusalCause::denied : RefusalCause::unreachable, std::move(reason)});
}

net::Task<Result<std::string>> read_server_name(net::Stream& stream, net::Deadline deadline, std::string& early) {
  std::array<char, 4096> buffer{};
  while (true) {
    const auto read = co_await stream.read(buffer, deadline);
    if (!read) co_return fail(read.error());
    if (*read == 0) co_return fail(Cause::closed, "the program ended without a ClientHello");
    early.append(buffer.data(), *read);
    const auto peek = net::peek_client_hello(early);
    if (!peek) co_return fail(peek.error());
    if (peek->complete) co_return peek->sni.value_or("");
    if (early.size() > net::kMaxClientHello) co_return fail(Cause::protocol, "a ClientHello that is too long");
  }
}

}  // namespace bulkhead::proxy
