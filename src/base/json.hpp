#pragma once

// JSON that somebody else wrote (RFC 8259), read so that it has one meaning.

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/json_tape.hpp"
#include "base/result.hpp"

namespace bulkhead {

inline constexpr int kJsonDepth = tape::kDeepestJson;

// JSON text to a value: UTF-8 without a byte order mark, nothing after it, no repeated member, nesting at most
// `deepest`. nlohmann's own parser would let the last of repeated members win, and stop without a word at a zero byte.
Result<nlohmann::json> read_json(std::string_view text, int deepest = kJsonDepth);

// What was read, from this value on. Fails where a number is larger than a double holds.
Result<nlohmann::json> to_json(const tape::Json& read, std::uint32_t index);

}  // namespace bulkhead
