#include "control/desired.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/fd.hpp"
#include "manifest/parse.hpp"

namespace bulkhead::control {

using nlohmann::json;

namespace {

json images_json(const std::map<std::string, manifest::FromImage>& images) {
  json all = json::object();
  for (const auto& [reference, image] : images)
    all[reference] = {{"root", image.root},
                      {"command", image.command},
                      {"environment", image.environment},
                      {"start_in", image.start_in},
                      {"user", image.user}};
  return all;
}

std::map<std::string, manifest::FromImage> images_from_json(const json& all) {
  std::map<std::string, manifest::FromImage> images;
  for (const auto& [reference, value] : all.items()) {
    manifest::FromImage& image = images[reference];
    value.at("root").get_to(image.root);
    value.at("command").get_to(image.command);
    value.at("environment").get_to(image.environment);
    value.at("start_in").get_to(image.start_in);
    value.at("user").get_to(image.user);
  }
  return images;
}

}  // namespace

std::string to_json(const Desired& desired) {
  return json{{"file", desired.file},
              {"directory", desired.directory},
              {"text", desired.text},
              {"variables", desired.variables},
              {"env_files", desired.env_files},
              {"profiles", desired.profiles},
              {"launcher_path", desired.launcher_path},
              {"images", images_json(desired.images)},
              {"scale", desired.scale},
              {"pinned", desired.pinned},
              {"numbers", desired.numbers}}
      .dump();
}

Result<Desired> desired_from_json(std::string_view text) {
  auto value = policy::read_json(text);
  if (!value) return fail(within("the desired state", std::move(value.error())));
  try {
    Desired desired;
    value->at("file").get_to(desired.file);
    value->at("directory").get_to(desired.directory);
    value->at("text").get_to(desired.text);
    value->at("variables").get_to(desired.variables);
    value->at("env_files").get_to(desired.env_files);
    value->at("profiles").get_to(desired.profiles);
    value->at("launcher_path").get_to(desired.launcher_path);
    value->at("scale").get_to(desired.scale);
    if (value->contains("pinned")) value->at("pinned").get_to(desired.pinned);
    if (value->contains("numbers")) value->at("numbers").get_to(desired.numbers);
    if (const auto images = value->find("images"); images != value->end()) desired.images = images_from_json(*images);
    return desired;
  } catch (const json::exception& error) {
    return fail(Cause::invalid, "the desired state is not as expected: {}", error.what());
  }
}

namespace {

manifest::Parsed parse_recording(const Desired& desired,
                                 const std::function<std::optional<std::string>(std::string_view)>& variable,
                                 const std::function<Result<std::string>(const std::string&)>& env_file) {
  manifest::ParseOptions options;
  options.file = desired.file;
  options.profiles = desired.profiles;
  options.environment = variable;
  options.read_env_file = env_file;
  return manifest::parse(desired.text, options);
}

}  // namespace

Result<Desired> read_desired(const std::string& path, std::vector<std::string> profiles) {
  auto text = read_file(path);
  if (!text) return fail(within("the manifest", std::move(text.error())));
  Desired desired;
  desired.file = path;
  desired.text = std::move(*text);
  desired.profiles = std::move(profiles);
  std::error_code error;
  desired.directory = std::filesystem::weakly_canonical(std::filesystem::path(path), error).parent_path().string();
  if (error) return fail(Cause::not_found, "the manifest {}: {}", path, error.message());
  if (const char* search = std::getenv("PATH")) desired.launcher_path = search;  // NOLINT(concurrency-mt-unsafe)

  // One reading to learn which variables and files the text asks for; mistakes are reported by load().
  parse_recording(
      desired,
      [&](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe)
        if (value == nullptr) return std::nullopt;
        return desired.variables[std::string(name)] = value;
      },
      [&](const std::string& file) -> Result<std::string> {
        auto content = read_file((std::filesystem::path(desired.directory) / file).string(), 1U << 20U);
        if (content) desired.env_files[file] = *content;
        return content;
      });
  return desired;
}

std::expected<Loaded, Refused> load(const Desired& desired) {
  manifest::Parsed parsed = parse_recording(
      desired,
      [&](std::string_view name) -> std::optional<std::string> {
        const auto it = desired.variables.find(std::string(name));
        return it == desired.variables.end() ? std::nullopt : std::optional(it->second);
      },
      [&](const std::string& file) -> Result<std::string> {
        const auto it = desired.env_files.find(file);
        if (it == desired.env_files.end()) return fail(Cause::not_found, "{} does not exist or can not be read", file);
        return it->second;
      });
  if (!parsed.application) return std::unexpected(Refused{std::move(parsed.mistakes)});
  Loaded loaded{std::move(*parsed.application), {}};
  for (manifest::Service& service : loaded.application.services)
    if (const auto it = desired.scale.find(service.name); it != desired.scale.end())
      service.scale = static_cast<std::uint32_t>(it->second);
  for (manifest::Service& service : loaded.application.services)
    if (const auto it = desired.images.find(service.image.value_or("")); it != desired.images.end())
      service.from_image = it->second;
  loaded.model = policy::compile(loaded.application);
  policy::number_names(loaded.model, desired.numbers);
  return loaded;
}

namespace {

// What the service calls must be there: a manifest is checked as a whole, and this service comes from another one.
Result<> check_calls(const manifest::Application& application, const manifest::Service& service) {
  for (const manifest::Call& call : service.calls) {
    const manifest::Service* callee = application.service(call.service);
    if (callee == nullptr)
      return fail(Cause::invalid, "'{}' called '{}', which is not there any more", service.name, call.service);
    for (const manifest::Port port : call.ports)
      if (callee->port(port) == nullptr)
        return fail(Cause::invalid, "'{}' called port {} of '{}', which is not there any more", service.name,
                    manifest::to_string(port), call.service);
  }
  for (const manifest::Dependency& dependency : service.depends_on)
    if (application.service(dependency.service) == nullptr)
      return fail(Cause::invalid, "'{}' waited for '{}', which is not there any more", service.name,
                  dependency.service);
  return {};
}

}  // namespace

Result<Loaded> load_with(const Desired& desired, std::vector<manifest::Service> others) {
  auto loaded = load(desired);
  if (!loaded) return fail(Cause::invalid, "{}", manifest::render(loaded.error().mistakes));
  manifest::Application& application = loaded->application;
  for (manifest::Service& other : others) {
    const auto place = std::ranges::find(application.services, other.name, &manifest::Service::name);
    if (place == application.services.end()) continue;
    other.scale = place->scale;
    *place = std::move(other);
  }
  for (const manifest::Service& service : application.services)
    if (auto checked = check_calls(application, service); !checked) return fail(std::move(checked.error()));
  loaded->model = policy::compile(application);
  policy::number_names(loaded->model, desired.numbers);
  return std::move(*loaded);
}

}  // namespace bulkhead::control
