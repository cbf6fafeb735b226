#pragma once

// What a proxy knows of gRPC over HTTP/2: names and statuses, never messages.

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace bulkhead::http {

enum class GrpcStatus : std::uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

bool is_grpc(const Fields& fields);  // content-type application/grpc, with or without a suffix

struct GrpcMethod {
  std::string_view service;  // "hipstershop.CartService"
  std::string_view method;   // "AddItem"
};
std::optional<GrpcMethod> grpc_method(std::string_view target);  // "/service/method", nothing else

// The status that a gRPC client would make of an HTTP status, for answers that this proxy makes itself.
GrpcStatus grpc_status_of(std::uint16_t http_status);

// "Trailers-Only": HTTP 200 whose head carries grpc-status and the percent-encoded message. Send it with `end`.
Response grpc_error(GrpcStatus status, std::string_view message);
// grpc-status, and grpc-message unless `message` is empty: what trailers say, too.
void add_grpc_status(Fields& fields, GrpcStatus status, std::string_view message);

// The value of a grpc-status field; nothing if it is not one of the seventeen.
std::optional<GrpcStatus> parse_grpc_status(std::string_view value);

}  // namespace bulkhead::http
