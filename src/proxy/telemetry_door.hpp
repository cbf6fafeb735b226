#pragma once

// A service's own telemetry (OTLP): what its programs dial at localhost:4317 and 4318 goes to the collector, with the
// instance's name in front.

#include <string>

#include "net/address.hpp"
#include "net/stream.hpp"

namespace bulkhead::proxy {

inline constexpr std::uint16_t kOtlpPorts[] = {4317, 4318};  // of gRPC and HTTP, by custom; either takes both

// Whether this is where OTLP goes by custom: loopback and one of these ports.
bool is_otlp_address(const net::Address& dialled);

// Carries the connection until its end. Who is not there is refused with a reset, as by a port on which nobody listens.
net::Task<> carry_telemetry(net::Stream stream, const std::string& collector, const std::string& instance);

// The collector's end: the name of whose connection it is.
net::Task<Result<std::string>> read_telemetry_preamble(net::Stream& stream, net::Deadline deadline);

}  // namespace bulkhead::proxy
