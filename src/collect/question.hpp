#pragma once

// A question as it came in a URL's query (docs/api.md), read strictly: an unknown parameter, or one that means nothing,
// is Cause::invalid and says what is allowed. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collect/reader.hpp"

namespace bulkhead::collect {

struct Question {
  Range range;
  std::int64_t step_s = 0;  // 0: as fits
  std::string service, caller, callee, route, verdict, trace, stream, q;
  std::int64_t min_us = 0;
  bool error = false, denied = false;
  std::int64_t limit = 0;  // 0: the default
};

// `names`: those that this question may have. Where it has no `from`, `default_ms` before its end.
Result<Question> read_question(std::string_view query, std::int64_t now_ms, const std::vector<std::string_view>& names,
                               std::int64_t default_ms = 900'000);

// "10m", "90s", "2h", "3d", "500ms", or plain milliseconds.
Result<std::int64_t> read_duration_ms(std::string_view text);
// `%41` and '+'; false: a '%' without two digits.
bool decode_query(std::string_view text, std::string& out);

}  // namespace bulkhead::collect
