// The lines of a .gitignore that came with somebody's repository, against a path.

#include <algorithm>
#include <cstdint>

#include "builds/ignore.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  bulkhead::builds::Ignore ignore;
  ignore.add("sub", input.substr(0, end));
  const std::string_view path = input.substr(std::min(end + 1, input.size()));
  static_cast<void>(ignore.leaves_out("sub/" + std::string(path), false));
  static_cast<void>(ignore.leaves_out(std::string(path), true));
  return 0;
}
