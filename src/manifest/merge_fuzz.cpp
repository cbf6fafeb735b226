#include <cstddef>
#include <cstdint>

#include "manifest/parse.hpp"
#include "manifest/print.hpp"
#include "manifest/warnings.hpp"
#include "manifest/without_positions.hpp"

namespace {

using namespace bulkhead::manifest;

// Files divided by lines of "===": the first two are the manifest and what is laid over it, each other one is included
// by its number: include: 2.
std::vector<std::string> files_of(std::string_view text) {
  constexpr std::string_view kDivider = "\n===\n";
  std::vector<std::string> files;
  for (std::size_t end = text.find(kDivider); end != std::string_view::npos; end = text.find(kDivider)) {
    files.emplace_back(text.substr(0, end + 1));
    text.remove_prefix(end + kDivider.size());
  }
  files.emplace_back(text);
  return files;
}

void check(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

// Any files are an application or mistakes at places that exist; what is accepted is printed as a manifest that is
// accepted, and printed the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> files = files_of({reinterpret_cast<const char*>(data), size});
  std::vector<Source> sources{{"0", "", files[0]}};
  if (files.size() > 1) sources.push_back({"1", "over", files[1]});
  ParseOptions options;
  options.profiles = {"*"};
  options.environment = [](std::string_view name) { return std::optional<std::string>(name); };
  options.read_manifest = [&](const std::string& path) -> bulkhead::Result<Source> {
    std::string name = path.substr(path.rfind('/') + 1);
    for (std::size_t i = 2; i < files.size(); ++i)
      if (name == std::to_string(i)) return Source{name, "in/" + name, files[i]};
    return bulkhead::fail(bulkhead::Cause::not_found, "no such file");
  };
  Parsed parsed = parse(sources, options);
  check(parsed.application.has_value() == parsed.mistakes.empty());
  render(parsed.mistakes);
  if (!parsed.application) return 0;
  render(warnings(*parsed.application, parsed.sources));
  std::string printed = print(*parsed.merged, parsed.sources);
  if (printed.size() > kLargestText) return 0;  // of aliases
  Parsed again = parse({{"0", "", printed}}, options);
  check(again.application.has_value());
  check(without_positions(*again.application) == without_positions(*parsed.application));
  return 0;
}
