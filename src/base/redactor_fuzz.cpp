#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/redactor.hpp"

namespace {

// The next line of the input.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return line;
}

}  // namespace

// The first two lines are secrets, the third says where the rest is divided: it is redacted the same as in one part,
// and neither secret is left in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view first = take_line(rest);
  const std::string_view second = take_line(rest);
  const std::size_t step = take_line(rest).size() + 1;
  bulkhead::Redactor redactor;
  redactor.add("1", first);
  redactor.add("2", second);
  std::string held;
  std::string parts;
  for (std::string_view left = rest; !left.empty(); left.remove_prefix(std::min(step, left.size())))
    parts += redactor.redact_part(held, left.substr(0, step));
  parts += redactor.redact(held);
  if (parts != redactor.redact(rest)) __builtin_trap();
  if (redactor.empty() && parts != rest) __builtin_trap();
  return 0;
}
