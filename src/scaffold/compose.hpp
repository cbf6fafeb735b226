#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "scaffold/folder.hpp"
#include "scaffold/plan.hpp"

namespace bulkhead::scaffold {

struct ComposeInput {
  std::string file = "compose.yaml";  // as messages call it
  std::string_view text;
  const Folder& folder;  // in which the file stands
  const Host& host;
  std::string from_manifest;  // the way from the manifest's directory to the folder, "" where they are the same
  // Variables of whoever runs this; those of the folder's .env count besides.
  std::function<std::optional<std::string>(std::string_view name)> environment;
};

// Reads a Compose file as a plan. Pure. Every key is converted, or stands in `left_out` or `edits` with its reason.
// Fails where the text is no YAML or names no services: Cause::invalid, with file, line and column.
Result<Plan> read_compose(const ComposeInput& input);

}  // namespace bulkhead::scaffold
