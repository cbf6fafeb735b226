#include "http/grpc.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

constexpr std::string_view kContentType = "application/grpc";

bool is_name(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

// The percent-encoding of gRPC's own specification: printable ASCII but '%' stays.
std::string encode_message(std::string_view message) {
  std::string out;
  for (const char c : message) {
    if (c >= 0x20 && c < 0x7f && c != '%') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

bool is_grpc(const Fields& fields) {
  const std::string_view type = fields.find("content-type").value_or("");
  if (!equal_ignoring_case(type.substr(0, kContentType.size()), kContentType)) return false;
  const std::string_view rest = type.substr(kContentType.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';' || rest.front() == ' ';
}

std::optional<GrpcMethod> grpc_method(std::string_view target) {
  if (target.empty() || target.front() != '/') return std::nullopt;
  const std::string_view names = target.substr(1);
  const std::size_t slash = names.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const GrpcMethod found{names.substr(0, slash), names.substr(slash + 1)};
  if (!is_name(found.service) || !is_name(found.method)) return std::nullopt;
  return found;
}

// gRPC's "HTTP to gRPC Status Code Mapping", with what our own answers mean where it says unknown.
GrpcStatus grpc_status_of(std::uint16_t http_status) {
  switch (http_status) {
    case 400: return GrpcStatus::internal;
    case 401: return GrpcStatus::unauthenticated;
    case 403: return GrpcStatus::permission_denied;
    case 404: return GrpcStatus::unimplemented;
    case 408:
    case 504: return GrpcStatus::deadline_exceeded;
    case 413:
    case 431: return GrpcStatus::resource_exhausted;
    case 429:
    case 502:
    case 503: return GrpcStatus::unavailable;
    default: return GrpcStatus::unknown;
  }
}

Response grpc_error(GrpcStatus status, std::string_view message) {
  Response response;
  response.status = 200;
  response.fields.add("content-type", kContentType);
  add_grpc_status(response.fields, status, message);
  return response;
}

void add_grpc_status(Fields& fields, GrpcStatus status, std::string_view message) {
  fields.add("grpc-status", fmt::format("{}", static_cast<unsigned>(status)));
  if (!message.empty()) fields.add("grpc-message", encode_message(message));
}

std::optional<GrpcStatus> parse_grpc_status(std::string_view value) {
  if (value.empty() || value.size() > 2 || !std::ranges::all_of(value, is_digit)) return std::nullopt;
  unsigned number = 0;
  for (const char c : value) number = number * 10 + static_cast<unsigned>(c - '0');
  if (number > 16) return std::nullopt;
  return static_cast<GrpcStatus>(number);
}

}  // namespace bulkhead::http
