#include <cstdint>
#include <cstdlib>

#include "control/image_config.hpp"

// What is accepted can be started: no word, name or path that could end early, climb or be root.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead;
  const auto config = control::parse_image_config({reinterpret_cast<const char*>(data), size});
  if (!config) {
    if (config.error().message.empty()) std::abort();
    return 0;
  }
  const auto is_place = [](const std::string& path) {
    return path.starts_with('/') && path.find('\0') == std::string::npos &&
           (path + "/").find("/../") == std::string::npos;
  };
  if (!is_place(config->start_in)) std::abort();
  for (const auto& volume : config->volumes)
    if (!is_place(volume)) std::abort();
  for (const auto& word : config->command)
    if (word.find('\0') != std::string::npos) std::abort();
  for (const auto& [name, value] : config->environment)
    if (name.empty() || name.find('=') != std::string::npos || (name + value).find('\0') != std::string::npos)
      std::abort();
  if (config->user.empty() || config->user == "root" || config->user.find_first_of(":\n/") != std::string::npos)
    std::abort();
  control::refusals(*config, "amd64", {"/data"});
  return 0;
}
