#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace bulkhead::conditions {

// Why an expression is refused when it is compiled. Whoever has it from a file adds where it begins there.
struct Mistake {
  std::string message;     // one line, lower case, no full stop: what is wrong and what would be right
  std::size_t offset = 0;  // bytes
  int line = 1;            // from 1
  int column = 1;          // from 1, in characters
};

template <class T>
using Checked = std::expected<T, Mistake>;

// A mistake at `offset`; position_in() adds line and column at the end of compiling.
template <class... Args>
[[nodiscard]] std::unexpected<Mistake> mistaken(std::size_t offset, fmt::format_string<Args...> format,
                                                Args&&... args) {
  return std::unexpected(Mistake{fmt::format(format, std::forward<Args>(args)...), offset});
}

// The same mistake, with the line and column of its offset in `source`.
Mistake position_in(std::string_view source, Mistake mistake);

}  // namespace bulkhead::conditions
