#include "proxy/core.hpp"

#include <algorithm>

#include "http/grpc.hpp"

namespace bulkhead::proxy {

std::string spoken_protocol(const http::Request& request) {
  if (http::is_grpc(request.fields)) return "grpc";
  if (!request.protocol.empty()) return request.protocol;
  return request.version == http::Version::http2 ? "h2" : "http/1.1";
}

void Core::take(ConfigPtr next) {
  end_users.take(next->snapshot());
  journal.hide_secrets(next->snapshot().secret_marks);
  config = std::move(next);
  clusters.apply(config->snapshot());
  calls.apply(config->snapshot(), clusters);
  close_connections_to_others(config->snapshot());
  flights.review(*config);
}

void Core::close_connections_to_others(const Snapshot& snapshot) {
  pool.close_all_if([&](std::string_view key) {
    return std::ranges::none_of(snapshot.upstreams, [&](const Upstream& upstream) {
      const std::string_view id = upstream.spiffe_id;
      return key.starts_with(id) && key.substr(id.size()).starts_with(' ');
    });
  });
}

}  // namespace bulkhead::proxy
