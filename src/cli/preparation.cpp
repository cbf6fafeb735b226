#include "cli/preparation.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "control/places.hpp"
#include "control/secret_source.hpp"
#include "control/selection.hpp"

namespace bulkhead::cli {

using std::chrono::milliseconds;

namespace {

constexpr const char* kNotBuilt = "not built yet";

}  // namespace

Preparation::Preparation(Context context, std::vector<std::string> names, bool watches)
    : context_(std::move(context)),
      names_(std::move(names)),
      watches_(watches),
      builder_(control::cache_base() + "/builds", files_, show(), interrupted) {}

builds::Builder::Show Preparation::show() {
  return {.begins =
              [this](const builds::Unit& unit, const std::string& reason) {
                say(fmt::format("{} {}: is built, as {}", tinted("~", Tone::yellow), tinted(unit.name(), Tone::bold),
                                reason));
                for (const std::string& service : unit.services) reasons_[service] = reason;
              },
          .writes =
              [](const builds::Unit& unit, std::string_view line) {
                say(fmt::format("{} | {}", tinted(fmt::format("{:<16}", unit.name()), Tone::dim), line));
              },
          .done =
              [this](const builds::Unit& unit, milliseconds took) {
                say(fmt::format("  {:<24} {} in {:.2f} s", unit.name(), tinted("built", Tone::green),
                                static_cast<double>(took.count()) / 1000));
                for (const std::string& service : unit.services) took_[service] = took;
              },
          .unchanged =
              [this](const builds::Unit& unit) {
                if (!again_) say(fmt::format("  {:<24} unchanged since it was built", unit.name()));
              },
          .not_remembered = [](const Fault& fault) { complain(within("the next `up` builds it again", fault)); }};
}

std::expected<std::set<std::string>, int> Preparation::select(const control::Loaded& loaded) const {
  const manifest::Application& application = loaded.application;
  std::vector<std::string> known;
  for (const manifest::Service& service : application.services) known.push_back(service.name);
  if (application.gateway) known.emplace_back("gateway");
  std::set<std::string> names;
  for (const std::string& name : names_) {
    if (std::ranges::find(known, name) != known.end()) {
      names.insert(application.service(name) != nullptr ? name : service_name(name));
      continue;
    }
    if (std::ranges::find(application.inactive, name) != application.inactive.end()) {
      complain(fmt::format("service '{}' is of no profile that is active: add --profile NAME, or --profile '*'", name));
      return std::unexpected(kUsage);
    }
    const std::string near = nearest(name, known);
    complain(fmt::format(
        "no service is named '{}'; {}", name,
        near.empty() ? fmt::format("there are {}", fmt::join(known, ", ")) : fmt::format("did you mean '{}'?", near)));
    return std::unexpected(kUsage);
  }
  return control::with_callees(application, loaded.model, std::move(names));
}

std::expected<Opened, int> Preparation::open() {
  choose_files(context_);
  auto desired = read_manifest(context_);
  if (!desired) return std::unexpected(desired.error());
  const auto files = control::files_of(*desired);
  manifest_files_ = {files.begin(), files.end()};
  auto opened = check_manifest(context_, std::move(*desired));
  if (!opened) return opened;
  for (const auto& [name, value] : control::variables_of(opened->loaded.application, own_variable)) {
    if (first_bad_byte(value) == std::string_view::npos) continue;
    complain(fmt::format("the variable {}, which a secret comes from, is no text: put it into a file", name));
    return std::unexpected(kUsage);
  }
  auto selected = select(opened->loaded);
  if (!selected) return std::unexpected(selected.error());
  opened->desired.selected = std::move(*selected);
  leave_apart(*opened);
  return opened;
}

// What lies in a service's directory and is not what it runs from: the manifest, what the platform keeps, what services
// write, and a file that this command's own words go to.
void Preparation::leave_apart(const Opened& opened) {
  std::vector<std::string> apart(manifest_files_.begin(), manifest_files_.end());
  for (const std::string& base : {control::state_base(), control::run_base(), control::cache_base()})
    apart.push_back(builds::placed(opened.desired.directory, base));
  for (const manifest::Service& service : opened.loaded.application.services)
    for (const manifest::Mount& mount : service.mounts)
      if (!mount.read_only) apart.push_back(builds::placed(opened.desired.directory, mount.host));
  for (const int out : {STDOUT_FILENO, STDERR_FILENO}) {
    std::error_code error;
    apart.push_back(std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", out), error).string());
  }
  files_.set_apart(std::move(apart));
}

bool Preparation::build(Prepared& prepared) {
  control::Desired& desired = prepared.opened.desired;
  reasons_.clear();
  took_.clear();
  const auto wanted = [&](const std::string& service) { return desired.selects(service); };
  units_ = builds::units_of(prepared.opened.loaded.application, desired.directory, wanted);
  const auto outcome = builder_.build(units_);
  outputs_.insert(outcome.outputs.begin(), outcome.outputs.end());
  for (const auto& [service, hash] : outcome.sources) desired.sources[service] = hash;
  prepared.as_of_ns = outcome.as_of_ns;
  for (const auto& failure : outcome.failures) {
    if (!failure.known) complain(fmt::format("the build of {} failed: {}", failure.unit, failure.problem));
    for (const std::string& service : failure.services) {
      prepared.failed.insert(service);
      reasons_.erase(service);
    }
  }
  return (outcome.failures.empty() || again_) && !interrupted();
}

Result<builds::Files> Preparation::files_of(const builds::Scope& scope) {
  auto files = files_.read(scope);
  if (files) std::erase_if(*files, [&](const auto& file) { return outputs_.contains(file.first); });
  return files;
}

// Under --watch: what services without a build run from.
void Preparation::look_at_files(Prepared& prepared) {
  control::Desired& desired = prepared.opened.desired;
  const manifest::Application& application = prepared.opened.loaded.application;
  std::vector<std::string> unwatched;
  scopes_.clear();
  for (const manifest::Service& service : application.services) {
    if (service.build || !desired.selects(service.name)) continue;
    const auto scope = builds::files_of(application, service, desired.directory);
    if (!scope) {
      if (!again_) unwatched.push_back(service.name);
      continue;
    }
    const std::int64_t as_of_ns = file_time_ns();
    auto files = files_of(*scope);
    if (!files) {
      complain(fmt::format("service '{}' is not watched: {}", service.name, files.error().message));
      continue;
    }
    scopes_[service.name] = *scope;
    prepared.as_of_ns[service.name] = as_of_ns;
    const auto known = known_.find(service.name);
    if (known != known_.end() && known->second != *files) {
      reasons_[service.name] = builds::difference(known->second, *files, scope->dir);
      changed_[service.name] = builds::hash_of(*files);
    }
    if (const auto changed = changed_.find(service.name); changed != changed_.end())
      desired.sources[service.name] = changed->second;
    else
      prepared.seen[service.name] = builds::hash_of(*files);
    known_[service.name] = std::move(*files);
  }
  if (!unwatched.empty())
    say(fmt::format("not watched, as they run from no file of this directory: {}", fmt::join(unwatched, ", ")));
}

bool Preparation::is_stale() {
  if (!builder_.plan(units_).reasons.empty()) return true;
  return std::ranges::any_of(scopes_, [&](const auto& each) {
    const auto files = files_of(each.second);
    return files && *files != known_[each.first];
  });
}

std::expected<Preparation::Prepared, int> Preparation::make() {
  auto opened = open();
  if (!opened) return std::unexpected(opened.error());
  Prepared prepared{.opened = std::move(*opened), .failed = {}, .seen = {}, .as_of_ns = {}, .reasons = {}, .took = {}};
  if (!build(prepared)) return std::unexpected(kFailed);
  if (watches_) look_at_files(prepared);
  if (const int code = unpack_images(prepared.opened); code != kDone) return std::unexpected(code);
  prepared.reasons = std::move(reasons_);
  prepared.took = std::move(took_);
  again_ = true;
  return prepared;
}

std::expected<Preparation::Prepared, int> Preparation::plan() {
  auto opened = open();
  if (!opened) return std::unexpected(opened.error());
  Prepared prepared{.opened = std::move(*opened), .failed = {}, .seen = {}, .as_of_ns = {}, .reasons = {}, .took = {}};
  control::Desired& desired = prepared.opened.desired;
  const auto wanted = [&](const std::string& service) { return desired.selects(service); };
  const auto units = builds::units_of(prepared.opened.loaded.application, desired.directory, wanted);
  const auto outcome = builder_.plan(units);
  for (const auto& [service, hash] : outcome.sources) desired.sources[service] = hash;
  for (const auto& [service, reason] : outcome.reasons) {
    desired.sources[service] = kNotBuilt;
    prepared.reasons[service] = reason;
  }
  if (const int code = unpack_images(prepared.opened); code != kDone) return std::unexpected(code);
  return prepared;
}

nlohmann::json Preparation::request(const Prepared& prepared, const char* verb) const {
  nlohmann::json request{{"verb", verb}, {"desired", nlohmann::json::parse(control::to_json(prepared.opened.desired))}};
  if (!names_.empty()) request["names"] = names_;
  if (!prepared.seen.empty()) request["seen"] = prepared.seen;
  if (!prepared.as_of_ns.empty()) request["as_of_ns"] = prepared.as_of_ns;
  const auto& application = prepared.opened.loaded.application;
  if (const auto variables = control::variables_of(application, own_variable); !variables.empty())
    request["secrets"] = variables;
  return request;
}

}  // namespace bulkhead::cli
