#pragma once

// Every key of the Compose specification: converted, or why it is not.

#include <cstdint>
#include <span>
#include <string_view>

namespace bulkhead::scaffold {

enum class ComposePart : std::uint8_t {
  file,
  service,
  build,
  deploy,
  resources,
  limits,
  reservations,
  healthcheck,
  dependency,
  network,  // of a service
  port,
  volume,  // of a service
  config,  // of a service
  config_source,
  secret,  // of a service
  secret_source,
};

struct ComposeKey {
  std::string_view name;
  std::string_view why;  // it is left out; "" where it is converted
};

std::span<const ComposeKey> compose_keys(ComposePart part);
const ComposeKey* compose_key(ComposePart part, std::string_view name);

}  // namespace bulkhead::scaffold
