#include "cli/context.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <system_error>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/fd.hpp"
#include "control/client.hpp"
#include "control/roles.hpp"
#include "manifest/fields.hpp"
#include "manifest/mistake.hpp"

namespace bulkhead::cli {

bool has_colours() {
  static const bool colours =
      ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;  // NOLINT(concurrency-mt-unsafe)
  return colours;
}

std::string tinted(std::string_view text, Tone tone) {
  if (!has_colours() || tone == Tone::plain) return std::string(text);
  const char* code = "0";
  switch (tone) {
    case Tone::bold: code = "1"; break;
    case Tone::green: code = "32"; break;
    case Tone::yellow: code = "33"; break;
    case Tone::red: code = "31"; break;
    case Tone::dim: code = "2"; break;
    case Tone::plain: break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

void say(std::string_view line) {
  fmt::print("{}\n", line);
  if (std::fflush(stdout) != 0) throw std::system_error(errno, std::generic_category());
}

int complain(std::string_view message) {
  fmt::print(stderr, "bulkhead: {}\n", message);
  return kFailed;
}

int complain(const Fault& fault) { return complain(fault.message); }

void choose_files(Context& context) {
  if (!context.named_files) {
    context.files = {"bulkhead.yaml"};
    std::error_code error;
    if (std::filesystem::is_regular_file(kOverride, error)) context.files.emplace_back(kOverride);
  }
  context.file = fmt::format("{}", fmt::join(context.files, " -f "));
}

std::string spoken_files(const Context& context) {
  std::vector<std::string> files = context.files;
  std::ranges::replace(files, "-", "standard input");
  return fmt::format("{}", fmt::join(files, " with "));
}

std::vector<std::string> file_names(const std::vector<manifest::Source>& sources) {
  std::vector<std::string> names;
  for (const manifest::Source& source : sources)
    if (std::ranges::find(names, source.file) == names.end()) names.push_back(source.file);
  return names;
}

std::expected<control::Desired, int> read_manifest(const Context& context) {
  auto desired = control::read_desired(context.files, context.profiles);
  if (!desired) {
    complain(desired.error());
    if (desired.error().cause == Cause::not_found) fmt::print(stderr, "  name another one with -f FILE\n");
    return std::unexpected(kUsage);
  }
  return std::move(*desired);
}

std::expected<Opened, int> open_manifest(const Context& context) {
  auto desired = read_manifest(context);
  if (!desired) return std::unexpected(desired.error());
  return check_manifest(context, std::move(*desired));
}

std::expected<Opened, int> check_manifest(const Context& context, control::Desired desired) {
  auto loaded = control::load(desired);
  if (!loaded) {
    const auto& mistakes = loaded.error().mistakes;
    fmt::print(stderr, "{}\n{} {} in {}; nothing was started\n", manifest::render(mistakes), mistakes.size(),
               mistakes.size() == 1 ? "mistake" : "mistakes", spoken_files(context));
    return std::unexpected(kUsage);
  }
  return Opened{std::move(desired), std::move(*loaded)};
}

std::optional<std::string> own_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::expected<control::Places, int> open_places(const Context& context) {
  auto desired = read_manifest(context);
  if (!desired) return std::unexpected(desired.error());
  if (const auto loaded = control::load(*desired)) return control::places_to_reach(loaded->application.name);
  static const std::regex kApp(R"((?:^|\n)app:[ \t]*["']?([a-z][a-z0-9-]*))");
  std::smatch match;
  auto sources = control::sources_of(*desired);
  for (auto source = sources.rbegin(); source != sources.rend(); ++source)  // the last one's word counts
    if (std::regex_search(source->text, match, kApp)) return control::places_to_reach(match[1].str());
  complain(fmt::format("{} has no `app:` line, so it is not known which application is meant", spoken_files(context)));
  return std::unexpected(kUsage);
}

int not_running(const Context& context) {
  complain(fmt::format("the application of {} is not running; start it with: bulkhead up -f {}", spoken_files(context),
                       context.file));
  return kNotRunning;
}

namespace {

// A question that changes nothing is asked again where the controller ended over it and comes back.
Result<nlohmann::json> ask_again(const control::Places& places, const nlohmann::json& request) {
  const control::Verb* verb = control::find_verb(request.at("verb").get_ref<const std::string&>());
  const bool changes = verb == nullptr || verb->role != control::Role::viewer;
  for (int tries = 0;; ++tries) {
    auto reply = control::ask(places, request);
    const bool lost = !reply && (reply.error().cause == Cause::closed || reply.error().cause == Cause::unreachable);
    if (!lost || changes || tries == 3 || !control::has_remains(places) || control::has_ended(places)) return reply;
  }
}

}  // namespace

std::expected<nlohmann::json, int> ask(const Context& context, const nlohmann::json& request) {
  const auto places = open_places(context);
  if (!places) return std::unexpected(places.error());
  auto reply = ask_again(*places, request);
  if (reply) return std::move(*reply);
  if (reply.error().cause == Cause::unreachable || reply.error().cause == Cause::not_found) {
    if (control::has_remains(*places)) {
      complain(fmt::format("the controller is not running; what runs goes on. Bring it back with: bulkhead up -f {}",
                           context.file));
      return std::unexpected(kNotRunning);
    }
    return std::unexpected(not_running(context));
  }
  return std::unexpected(complain(reply.error()));
}

std::string service_name(const std::string& typed) { return typed == "gateway" ? "_gateway" : typed; }

std::expected<control::Places, int> places_of_name(const std::string& app) {
  if (manifest::is_name(app)) return control::places_of(app);
  complain(fmt::format("'{}' is no name of an application: lower-case letters, digits and '-', a letter first", app));
  return std::unexpected(kUsage);
}

}  // namespace bulkhead::cli
