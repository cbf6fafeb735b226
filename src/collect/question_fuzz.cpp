// Whatever a URL says is a question or a fault; and a question is within its bounds.

#include <cstdlib>

#include "collect/question.hpp"
#include "collect/visitors.hpp"

using namespace bulkhead::collect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto question = read_question(text, 1'790'000'000'000,
                                      {"from", "to", "step", "service", "caller", "callee", "route", "verdict", "trace",
                                       "stream", "q", "min_ms", "error", "denied", "limit"});
  if (question) {
    if (question->range.from_ms < 0 || question->range.from_ms > question->range.to_ms || question->step_s < 1)
      std::abort();
    if ((question->range.to_ms - question->range.from_ms) / 1000 / question->step_s > 1001) std::abort();
  }
  cookie_in(text, "bulkhead_console");
  return 0;
}
