#pragma once

// Where telemetry goes besides the store, as the controller says it. Pure.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::collect {

struct ExportSettings {
  std::string app;
  std::string url;                                           // as it is written, for a person
  proxy::Egress egress;                                      // the host of it
  std::string authority;                                     // likewise, as a request says it
  std::string path;                                          // what stands behind it, without a slash at its end
  std::string anchors_pem;                                   // "": the host's roots
  std::vector<std::pair<std::string, std::string>> headers;  // values are secrets
  bool traces = true, logs = true, metrics = true;
  bool operator==(const ExportSettings&) const = default;
};

// `message`: {"app","url","host","port","tls","anchors","headers":{…},"signals":[…]}, or null: nothing is exported.
Result<std::optional<ExportSettings>> read_export(const nlohmann::json& message);

}  // namespace bulkhead::collect
