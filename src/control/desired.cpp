#include "control/desired.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/fd.hpp"
#include "control/documents.hpp"
#include "manifest/parse.hpp"

namespace bulkhead::control {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLargestFile = 1U << 20U;
constexpr std::string_view kStandardInput = "-";
constexpr const char* kStandardInputName = "<stdin>";

json source_json(const manifest::Source& source) {
  return {{"file", source.file}, {"directory", source.directory}, {"text", source.text}};
}

manifest::Source source_from_json(const json& value) {
  return {value.at("file"), value.at("directory"), value.at("text")};
}

}  // namespace

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
  json overrides = json::array();
  for (const manifest::Source& source : desired.overrides) overrides.push_back(source_json(source));
  json included = json::object();
  for (const auto& [path, source] : desired.included) included[path] = source_json(source);
  return json{{"file", desired.file},
              {"directory", desired.directory},
              {"text", desired.text},
              {"overrides", overrides},
              {"included", included},
              {"variables", desired.variables},
              {"env_files", desired.env_files},
              {"documents", desired.documents},
              {"profiles", desired.profiles},
              {"launcher_path", desired.launcher_path},
              {"images", images_json(desired.images)},
              {"scale", desired.scale},
              {"pinned", desired.pinned},
              {"numbers", desired.numbers},
              {"sources", desired.sources},
              {"selected", desired.selected},
              {"held", desired.held}}
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
    if (value->contains("documents")) value->at("documents").get_to(desired.documents);
    // A controller from before there were builds wrote none of these.
    if (value->contains("sources")) value->at("sources").get_to(desired.sources);
    if (value->contains("selected")) value->at("selected").get_to(desired.selected);
    if (value->contains("held")) value->at("held").get_to(desired.held);
    if (const auto images = value->find("images"); images != value->end()) desired.images = images_from_json(*images);
    // A controller from before there were several files wrote neither of these.
    for (const json& source : value->value("overrides", json::array()))
      desired.overrides.push_back(source_from_json(source));
    for (const auto& [path, source] : value->value("included", json::object()).items())
      desired.included.emplace(path, source_from_json(source));
    return desired;
  } catch (const json::exception& error) {
    return fail(Cause::invalid, "the desired state is not as expected: {}", error.what());
  }
}

namespace {

// What a manifest asks for while it is read.
struct Sources {
  std::function<std::optional<std::string>(std::string_view)> variable;
  std::function<Result<std::string>(const std::string&)> env_file;
  std::function<Result<manifest::Source>(const std::string&)> manifest;
};

manifest::Parsed parse(const Desired& desired, const Sources& from, Reading reading) {
  manifest::ParseOptions options;
  options.takes_written_secrets = reading == Reading::of_what_runs;
  options.profiles = desired.profiles;
  options.environment = from.variable;
  options.read_env_file = from.env_file;
  options.read_manifest = from.manifest;
  return manifest::parse(sources_of(desired), options);
}

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[65536];
  while (text.size() <= kLargestFile) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(os_fault("read standard input", errno));
    if (got == 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

Result<std::string> read_text(const std::string& path) {
  if (path != kStandardInput) return read_file(path);
  static const Result<std::string> text = read_standard_input();  // once: it gives nothing a second time
  return text;
}

Result<fs::path> directory_of(const std::string& path) {
  std::error_code error;
  const fs::path whole =
      path == kStandardInput ? fs::current_path(error) / "stdin" : fs::weakly_canonical(fs::path(path), error);
  if (error) return fail(Cause::not_found, "the manifest {}: {}", path, error.message());
  return whole.parent_path();
}

// A file beside the first one, wherever it is: its directory as it counts from the first one's.
Result<manifest::Source> read_source(const std::string& path, std::string name, const std::string& first) {
  auto text = read_text(path);
  if (!text) return fail(within("the manifest", std::move(text.error())));
  auto directory = directory_of(path);
  if (!directory) return fail(std::move(directory.error()));
  std::string relative = directory->lexically_relative(first).string();
  return manifest::Source{std::move(name), relative == "." ? "" : std::move(relative), std::move(*text)};
}

bool is_named(const Desired& desired, const std::string& name) {
  const auto same = [&](const manifest::Source& source) { return source.file == name; };
  return desired.file == name || std::ranges::any_of(desired.overrides, same);
}

// How messages name an included file: as whoever runs bulkhead would, where the manifest was named so.
std::string name_of(const fs::path& file, const Desired& desired) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(file, error);
  if (error || fs::path(desired.file).is_absolute()) return error ? file.string() : whole.string();
  fs::path near = fs::proximate(whole, error);
  return error ? whole.string() : near.string();
}

std::string at_home(const std::string& path) {
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  return path.starts_with("~/") && home != nullptr ? home + path.substr(1) : path;
}

}  // namespace

std::vector<manifest::Source> sources_of(const Desired& desired) {
  std::vector<manifest::Source> sources{{desired.file, "", desired.text}};
  sources.insert(sources.end(), desired.overrides.begin(), desired.overrides.end());
  return sources;
}

std::vector<std::string> files_of(const Desired& desired) {
  std::vector<std::string> files;
  const auto add = [&](const fs::path& directory, const fs::path& path) {
    if (path != kStandardInputName) files.push_back((desired.directory / directory / path).lexically_normal().string());
  };
  add("", fs::path(desired.file).filename());
  for (const manifest::Source& source : desired.overrides) add(source.directory, fs::path(source.file).filename());
  for (const auto& [path, source] : desired.included) add(source.directory, fs::path(path).filename());
  for (const auto& [path, content] : desired.env_files) add("", path);
  for (const auto& [path, content] : desired.documents) add("", path);
  for (const std::string& path : desired.missing) add("", path);
  return files;
}

Result<Desired> read_desired(const std::string& path, std::vector<std::string> profiles) {
  return read_desired(std::vector{path}, std::move(profiles));
}

Result<Desired> read_desired(const std::vector<std::string>& paths, std::vector<std::string> profiles) {
  Desired desired;
  auto directory = directory_of(paths.front());
  if (!directory) return fail(std::move(directory.error()));
  desired.directory = directory->string();
  desired.profiles = std::move(profiles);
  for (const std::string& path : paths) {
    const std::string name = path == kStandardInput ? kStandardInputName : path;
    auto source = read_source(path, name, desired.directory);
    if (!source) return fail(std::move(source.error()));
    if (desired.file.empty()) {
      desired.file = std::move(source->file);
      desired.text = std::move(source->text);
      continue;
    }
    if (is_named(desired, name)) return fail(Cause::invalid, "the manifest {} is named twice", name);
    desired.overrides.push_back(std::move(*source));
  }
  if (const char* search = std::getenv("PATH")) desired.launcher_path = search;  // NOLINT(concurrency-mt-unsafe)

  // One reading to learn which variables and files the text asks for; mistakes are reported by load().
  Sources from;
  from.variable = [&](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr) return std::nullopt;
    return desired.variables[std::string(name)] = value;
  };
  from.env_file = [&](const std::string& file) -> Result<std::string> {
    auto content = read_file((fs::path(desired.directory) / file).string(), kLargestFile);
    if (content)
      desired.env_files[file] = *content;
    else
      desired.missing.insert(file);
    return content;
  };
  from.manifest = [&](const std::string& file) -> Result<manifest::Source> {
    const fs::path whole = fs::path(desired.directory) / at_home(file);
    auto source = read_source(whole.string(), name_of(whole, desired), desired.directory);
    if (source)
      desired.included[file] = *source;
    else
      desired.missing.insert(whole.string());
    return source;
  };
  const manifest::Parsed parsed = parse(desired, from, Reading::of_somebody);
  if (!parsed.application) return desired;
  for (const std::string& path : documents_of(*parsed.application)) {
    auto content = read_document((fs::path(desired.directory) / path).string(), desired.directory);
    if (content)
      desired.documents[path] = std::move(*content);
    else
      desired.missing.insert(path);
    const bool descriptors = manifest::contract_kind(path) == manifest::ContractKind::protobuf;
    if (!content && descriptors && content.error().os_error == 0) desired.unmade[path] = content.error().message;
  }
  return desired;
}

std::expected<Loaded, Refused> load(const Desired& desired, Reading reading) {
  Sources from;
  from.variable = [&](std::string_view name) -> std::optional<std::string> {
    const auto it = desired.variables.find(std::string(name));
    return it == desired.variables.end() ? std::nullopt : std::optional(it->second);
  };
  from.env_file = [&](const std::string& file) -> Result<std::string> {
    const auto it = desired.env_files.find(file);
    if (it == desired.env_files.end()) return fail(Cause::not_found, "{} does not exist or can not be read", file);
    return it->second;
  };
  from.manifest = [&](const std::string& file) -> Result<manifest::Source> {
    const auto it = desired.included.find(file);
    if (it == desired.included.end()) return fail(Cause::not_found, "{} does not exist or can not be read", file);
    return it->second;
  };
  manifest::Parsed parsed = parse(desired, from, reading);
  if (!parsed.application) return std::unexpected(Refused{std::move(parsed.mistakes)});
  manifest::Report report(parsed.sources);
  take_documents(*parsed.application, desired, report);
  if (!report.empty()) return std::unexpected(Refused{report.take_mistakes()});
  Loaded loaded{std::move(*parsed.application), {}, std::move(parsed.sources), std::move(parsed.merged)};
  for (manifest::Service& service : loaded.application.services)
    if (const auto it = desired.scale.find(service.name); it != desired.scale.end())
      service.scale = static_cast<std::uint32_t>(it->second);
  for (manifest::Service& service : loaded.application.services)
    if (const auto it = desired.images.find(service.image.value_or("")); it != desired.images.end())
      service.from_image = it->second;
  for (manifest::Service& service : loaded.application.services)
    if (const auto it = desired.sources.find(service.name); it != desired.sources.end()) service.sources = it->second;
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
  auto loaded = load(desired, Reading::of_what_runs);
  if (!loaded) return fail(Cause::invalid, "{}", manifest::render(loaded.error().mistakes));
  manifest::Application& application = loaded->application;
  for (manifest::Service& other : others) {
    const auto place = std::ranges::find(application.services, other.name, &manifest::Service::name);
    if (place == application.services.end()) continue;
    if (!desired.held.contains(other.name) || desired.scale.contains(other.name)) other.scale = place->scale;
    *place = std::move(other);
  }
  for (const manifest::Service& service : application.services)
    if (auto checked = check_calls(application, service); !checked) return fail(std::move(checked.error()));
  loaded->model = policy::compile(application);
  policy::number_names(loaded->model, desired.numbers);
  return std::move(*loaded);
}

}  // namespace bulkhead::control
