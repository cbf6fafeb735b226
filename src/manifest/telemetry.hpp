#pragma once

// How long what was seen is kept, and where it goes besides. Pure values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manifest/auth.hpp"
#include "manifest/secret.hpp"
#include "manifest/units.hpp"

namespace bulkhead::manifest {

struct ExportHeader {
  std::string name;     // lower case
  GrantedSecret value;  // of which only the secret counts: what the field says, without the line's end
  bool operator==(const ExportHeader&) const = default;
};

// A backend that takes OTLP over HTTP.
struct TelemetryExport {
  std::string url;  // without a slash at its end; "/v1/traces" and its likes are added
  KeyHost host;     // of that
  std::vector<ExportHeader> headers;
  std::string ca;       // the path of the certificates (PEM) that its own chains to; "": the host's roots
  std::string anchors;  // what stands there; not by parse(), which looks at no file
  bool traces = true;
  bool logs = true;
  bool metrics = true;
  Position position;
  bool operator==(const TelemetryExport&) const = default;
};

struct Telemetry {
  Duration keep{72 * 3600 * 1000};
  Bytes most{1U << 30U};  // of all files of the store
  std::optional<TelemetryExport> exported;
  bool operator==(const Telemetry&) const = default;
};

}  // namespace bulkhead::manifest
