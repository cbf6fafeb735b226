#include "control/image_config.hpp"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "compartments/spec.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using nlohmann::json;

namespace {

constexpr std::size_t kLargest = 1U << 20U;
constexpr std::size_t kLongestUser = 32;

Fault wrong(std::string_view member, std::string_view allowed) {
  return Fault{Cause::invalid, fmt::format("the image's configuration: '{}' should be {}", member, allowed)};
}

// A member that may be absent or null.
const json* find(const json& object, const char* name) {
  const auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

Result<std::string> string_in(const json& object, const char* name) {
  const json* member = find(object, name);
  if (member == nullptr) return std::string();
  if (!member->is_string() || has_nul(member->get_ref<const std::string&>())) return fail(wrong(name, "text"));
  return member->get<std::string>();
}

Result<std::vector<std::string>> words_of(const json& object, const char* name) {
  const json* member = find(object, name);
  if (member == nullptr) return std::vector<std::string>();
  const bool right = member->is_array() && std::ranges::all_of(*member, [](const json& word) {
                       return word.is_string() && !has_nul(word.get_ref<const std::string&>());
                     });
  if (!right) return fail(wrong(name, "a list of texts"));
  return member->get<std::vector<std::string>>();
}

bool is_place(const std::string& path) {
  return path.starts_with('/') && !has_nul(path) && std::filesystem::path(path).lexically_normal() == path;
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

Result<> read_volumes(const json& object, ImageConfig& config) {
  const json* volumes = find(object, "Volumes");
  if (volumes == nullptr) return {};
  if (!volumes->is_object()) return fail(wrong("Volumes", "an object"));
  for (const auto& [name, value] : volumes->items()) {
    const std::string path = without_slash(name);
    if (!is_place(path)) return fail(wrong("Volumes", "absolute paths without '..'"));
    config.volumes.push_back(path);
  }
  return {};
}

Result<> read_environment(const json& object, ImageConfig& config) {
  auto lines = words_of(object, "Env");
  if (!lines) return fail(std::move(lines.error()));
  for (const std::string& line : *lines) {
    const auto equals = line.find('=');
    if (equals == 0 || equals == std::string::npos) return fail(wrong("Env", "lines NAME=value"));
    config.environment[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return {};
}

// "redis", "1000:1000", "node:node", "": only a name is taken, as the id is the compartment's.
std::string user_name_of(const std::string& user) {
  const std::string name = user.substr(0, user.find(':'));
  const bool letters = !name.empty() && name.size() <= kLongestUser && std::ranges::all_of(name, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  const bool number = std::ranges::all_of(name, [](unsigned char c) { return c >= '0' && c <= '9'; });
  return !letters || number || name == "root" || name == "nobody" ? "service" : name;
}

Result<> read_execution(const json& object, ImageConfig& config) {
  auto entry = words_of(object, "Entrypoint");
  if (!entry) return fail(std::move(entry.error()));
  auto arguments = words_of(object, "Cmd");
  if (!arguments) return fail(std::move(arguments.error()));
  config.command = std::move(*entry);
  config.command.insert(config.command.end(), arguments->begin(), arguments->end());
  if (!config.command.empty() && config.command.front().empty()) return fail(wrong("Entrypoint", "a program first"));
  auto start_in = string_in(object, "WorkingDir");
  if (!start_in) return fail(std::move(start_in.error()));
  if (!start_in->empty()) config.start_in = without_slash(*start_in);
  if (!is_place(config.start_in)) return fail(wrong("WorkingDir", "an absolute path without '..'"));
  auto user = string_in(object, "User");
  if (!user) return fail(std::move(user.error()));
  config.user = user_name_of(*user);
  if (auto read = read_environment(object, config); !read) return read;
  return read_volumes(object, config);
}

}  // namespace

Result<ImageConfig> parse_image_config(std::string_view text) {
  if (text.size() > kLargest) return fail(Cause::invalid, "the image's configuration is larger than 1 MiB");
  const auto value = policy::read_json(text);
  if (!value) return fail(within("the image's configuration", value.error()));
  if (!value->is_object()) return fail(Cause::invalid, "the image's configuration is no object");
  ImageConfig config;
  auto system = string_in(*value, "os");
  if (!system) return fail(std::move(system.error()));
  auto architecture = string_in(*value, "architecture");
  if (!architecture) return fail(std::move(architecture.error()));
  config.system = std::move(*system);
  config.architecture = std::move(*architecture);
  const json* execution = find(*value, "config");
  if (execution == nullptr) return config;
  if (!execution->is_object()) return fail(wrong("config", "an object"));
  if (auto read = read_execution(*execution, config); !read) return fail(std::move(read.error()));
  return config;
}

std::vector<std::string> refusals(const ImageConfig& config, std::string_view architecture,
                                  const std::vector<std::string>& writable) {
  std::vector<std::string> all;
  if (config.system != "linux") all.push_back(fmt::format("it is for '{}', not for linux", config.system));
  if (config.architecture != architecture)
    all.push_back(fmt::format("it is for '{}', and this host is '{}'", config.architecture, architecture));
  for (const std::string& volume : config.volumes) {
    if (volume == compartments::kDataDirectory || std::ranges::find(writable, volume) != writable.end()) continue;
    all.push_back(
        fmt::format("it asks for a volume at {}, and only {} is writable: mounts: [{{from: DIR, to: {}, "
                    "read_only: false}}]",
                    volume, compartments::kDataDirectory, volume));
  }
  return all;
}

std::string_view own_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "which processor is this, in Go's words?"
#endif
}

}  // namespace bulkhead::control
