#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifest/position.hpp"

namespace bulkhead::manifest {

enum class Severity { error, warning };

// One finding in a manifest, in words for the person who wrote it.
struct Mistake {
  Severity severity = Severity::error;
  Position position;
  std::string code;               // stable, for scripts: "unknown-key", "no-such-service"
  std::string message;            // what is wrong, one line, lower case, no full stop
  std::string found;              // what was written there; "" where the message says it all or it may be a secret
  std::string allowed;            // what may stand there instead; may be ""
  std::string did_you_mean;       // the nearest name; may be ""
  std::vector<std::string> help;  // further advice, each a line; may hold lines to paste
  std::string source;  // the line of the file, environment values hidden (unless the YAML itself is broken); may be ""
  bool operator==(const Mistake&) const = default;
};

// As a compiler prints it, without colour, ending in a newline:
//   bulkhead.yaml:12:7: error: no service is called 'payment'
//      12 |       payment: [POST /charges]
//         |       ^
//   help: did you mean 'payments'?
std::string render(const Mistake& mistake);
std::string render(const std::vector<Mistake>& mistakes);

}  // namespace bulkhead::manifest
