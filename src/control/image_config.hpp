#pragma once

// The configuration of a container image, as the OCI's image specification has it: written by strangers.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bulkhead::control {

struct ImageConfig {
  std::string system;                // "linux"
  std::string architecture;          // as Go names it: "amd64"
  std::vector<std::string> command;  // entry point, then arguments
  std::map<std::string, std::string> environment;
  std::string start_in = "/";        // absolute and normal
  std::string user = "service";      // a name for it; never root, and no number
  std::vector<std::string> volumes;  // absolute and normal paths
};

// Pure. Unknown members are passed over, as the specification wants; those that are known must be right.
// Cause::invalid names the member.
Result<ImageConfig> parse_image_config(std::string_view json);

// What the image asks that a compartment does not give, a sentence each. `architecture` is this host's, `writable` are
// the places that the manifest makes writable.
std::vector<std::string> refusals(const ImageConfig& config, std::string_view architecture,
                                  const std::vector<std::string>& writable);

// This program's, in Go's words.
std::string_view own_architecture();

}  // namespace bulkhead::control
