#pragma once

// How the paths of deny rules are compared. An allowed path means one thing alone, and what is written otherwise is not
// allowed. A denied one must not get through under another spelling that some program takes for the same.

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "manifest/pattern.hpp"

namespace bulkhead::manifest {

// The path in small letters, percent-decoded until nothing is left to decode, into `wide`, whose memory is reused.
// False where it is ambiguous: it is not plain (is_plain_path), or encodes structure more than once.
bool widen_path(std::string_view path, std::string& wide);

// The pattern that such paths are held against; Cause::invalid where it has no such form.
Result<PathPattern> widen_pattern(const PathPattern& pattern);

// Whether `wide`, made by widen_path(), is what `pattern`, made by widen_pattern(), means, whether it ends in a slash
// or not.
bool matches_wide(const PathPattern& pattern, std::string_view wide) noexcept;

}  // namespace bulkhead::manifest
