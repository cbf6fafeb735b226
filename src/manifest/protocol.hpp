#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bulkhead::manifest {

// What a port speaks. It is declared, never sniffed.
enum class Protocol : std::uint8_t { http, grpc, tcp };

std::string_view to_string(Protocol protocol);  // "http", "grpc", "tcp"
std::optional<Protocol> protocol_of(std::string_view text);

}  // namespace bulkhead::manifest
