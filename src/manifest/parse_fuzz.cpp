#include <cstddef>
#include <cstdint>

#include "manifest/parse.hpp"
#include "manifest/warnings.hpp"

// Any bytes are a manifest or a list of mistakes; what is accepted can be warned about and rendered.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::manifest;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  ParseOptions options;
  options.environment = [](std::string_view name) { return std::optional<std::string>(name); };
  options.read_env_file = [&](const std::string&) { return bulkhead::Result<std::string>(std::string(text)); };
  Parsed parsed = parse(text, options);
  if (parsed.application.has_value() != parsed.mistakes.empty()) __builtin_trap();
  render(parsed.mistakes);
  if (parsed.application) render(warnings(*parsed.application, text));
  return 0;
}
