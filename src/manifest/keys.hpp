#pragma once

// Every key that a manifest may contain, in one place: the parser refuses others, the documentation and the schema are
// checked against it. A key that holds a path of the host belongs into paths.cpp as well, one whose lists do not simply
// take the place of earlier ones into merge.cpp.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace bulkhead::manifest {

enum class Section : std::uint8_t {
  manifest,
  service,
  port,
  call,
  mount,
  limits,
  healthcheck,
  dependency,
  gateway,
  tls,
  route,
  match,
  retries,
  breaker,
  outliers,
  fallback,
  fault,
  split,
  concurrency,
  update,
  auto_rollback,
  job,
  operators,
  debug,
  include,
  build,
  from,
  cors,
  auth,
  provider,
  api_key,
  client_certificates,
  contract,
  secret,
  granted_secret,
  deny,
  telemetry,
  telemetry_export,
};

inline constexpr std::array kSections{Section::manifest,       Section::service,
                                      Section::port,           Section::call,
                                      Section::mount,          Section::limits,
                                      Section::healthcheck,    Section::dependency,
                                      Section::gateway,        Section::tls,
                                      Section::route,          Section::match,
                                      Section::retries,        Section::breaker,
                                      Section::outliers,       Section::fallback,
                                      Section::fault,          Section::split,
                                      Section::concurrency,    Section::update,
                                      Section::auto_rollback,  Section::job,
                                      Section::operators,      Section::debug,
                                      Section::include,        Section::build,
                                      Section::from,           Section::cors,
                                      Section::auth,           Section::provider,
                                      Section::api_key,        Section::client_certificates,
                                      Section::contract,       Section::secret,
                                      Section::granted_secret, Section::deny,
                                      Section::telemetry,      Section::telemetry_export};

struct Advice {
  std::string_view key;
  std::string_view text;
};

struct Keys {
  std::string_view section;  // as the documentation calls it: "service"
  std::span<const std::string_view> known;
  std::span<const Advice> later;    // planned, with what it will be for; refused until it is built
  std::span<const Advice> foreign;  // other tools' words, with what to write instead
};

const Keys& keys_of(Section section);

}  // namespace bulkhead::manifest
