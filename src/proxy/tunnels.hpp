#pragma once

#include <expected>
#include <string>

#include "proxy/mesh.hpp"
#include "proxy/tcp_preamble.hpp"

namespace bulkhead::proxy {

// A raw connection to the callee's service by way of its sidecar, authorized there. Where it fails nothing of the
// program's bytes was sent: `denied` is final, anything else may be tried on another endpoint.
net::Task<std::expected<net::Stream, Why>> open_tunnel(Mesh& mesh, const Cluster& cluster, EndpointState& endpoint,
                                                       TcpPreamble preamble);

// The server name that the TLS client on `stream` asks for, "" for none. What was read is appended to `early`, for the
// one who gets the connection.
net::Task<Result<std::string>> read_server_name(net::Stream& stream, net::Deadline deadline, std::string& early);

}  // namespace bulkhead::proxy
