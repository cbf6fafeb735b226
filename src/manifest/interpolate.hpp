#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bulkhead::manifest {

using Environment = std::function<std::optional<std::string>(std::string_view name)>;

// `text` with its variables put in, as Compose does it: $NAME, ${NAME}, ${NAME:-default} (unset or empty),
// ${NAME-default} (unset), ${NAME:?why} and ${NAME?why} (a mistake), ${NAME:+other} and ${NAME+other}; $$ is one dollar
// sign. Values are not looked into again; defaults are. A variable that is not set is a mistake (Cause::not_found),
// never an empty text. Messages contain names, never values. The result has at most 1 MiB.
Result<std::string> interpolate(std::string_view text, const Environment& environment);

// What of `text` stands there itself: defaults and other texts of variables as if they were put in, ${NAME} where
// nothing but a variable is. Never fails: what interpolate() refuses is as it is.
std::string as_written(std::string_view text);

}  // namespace bulkhead::manifest
