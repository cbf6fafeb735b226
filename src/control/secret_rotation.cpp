// The secrets of what runs: read, told to keepers, watched, and replaced when they change.
//
// Files are looked at each second, by their state and not by inotify: what a manifest names may be a link into a volume
// that is swapped as a whole, or lie on a file system of another host. What changed is taken once it has been the same
// for two looks, so that a file which is just being written is not taken by halves.

#include <algorithm>

#include <fmt/ranges.h>
#include <unistd.h>

#include "base/log.hpp"
#include "control/controller.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto kLookAtFiles = 1s;

bool is_file(const manifest::GrantedSecret& granted) {
  return granted.secret.source != manifest::Secret::Source::environment;
}

bool has_files(const manifest::Application& application) {
  return std::ranges::any_of(application.granted_secrets(),
                             [](const manifest::GrantedSecret* each) { return is_file(*each); });
}

// Of the services that run, and of the export.
std::vector<const manifest::GrantedSecret*> granted_to(const Desired& desired,
                                                       const manifest::Application& application) {
  std::vector<const manifest::GrantedSecret*> granted;
  for (const manifest::Service& service : application.services)
    if (desired.selects(service.name))
      for (const manifest::GrantedSecret& each : service.secrets) granted.push_back(&each);
  if (const auto& exported = application.telemetry.exported)
    for (const manifest::ExportHeader& each : exported->headers) granted.push_back(&each.value);
  return granted;
}

}  // namespace

// What is not set where this `up` runs stays what it was; what no secret comes from any more is forgotten.
Variables Controller::variables_with(const json& request, const Loaded& loaded) const {
  Variables all = variables_;
  const auto given = request.find("secrets");
  if (given != request.end())
    for (const auto& [name, value] : given->items()) all[name] = value.get<std::string>();
  std::set<std::string> wanted;
  for (const manifest::Secret& secret : loaded.application.secrets) wanted.insert(secret.from);
  for (const manifest::GrantedSecret* each : loaded.application.granted_secrets()) wanted.insert(each->secret.from);
  std::erase_if(all, [&](const auto& each) { return !wanted.contains(each.first); });
  return all;
}

SecretContents Controller::contents_of(const Desired& desired, const Loaded& loaded, const Variables& variables) const {
  return secret_reader_->read(loaded.application, desired.directory, variables, contents_);
}

// Whoever says `up` hears of a secret that can't be had, and nothing changes.
Result<> Controller::check_secrets(const Desired& desired, const Loaded& loaded, const SecretContents& contents) const {
  std::vector<const manifest::Service*> selected;
  for (const manifest::Service& service : loaded.application.services)
    if (desired.selects(service.name)) selected.push_back(&service);
  auto problems = control::secret_problems(granted_to(desired, loaded.application), desired.directory, contents);
  for (const manifest::Service* service : selected) {
    if (!problems.empty()) break;
    const auto files = secret_files(*service, desired.directory, contents);
    const auto variables = secret_variables(*service, desired.directory, contents);
    if (files && variables) continue;
    problems.push_back(fmt::format("{}: service '{}': {}", manifest::to_string(service->position), service->name,
                                   (files ? variables.error() : files.error()).message));
  }
  if (const auto& exported = loaded.application.telemetry.exported; exported && problems.empty())
    if (const auto headers = export_headers(*exported, desired.directory, contents); !headers)
      problems.push_back(fmt::format("{}: 'export' of 'telemetry': {}", manifest::to_string(exported->position),
                                     headers.error().message));
  if (problems.empty()) return {};
  return fail(Cause::invalid, "nothing was started:\n{}", fmt::join(problems, "\n"));
}

Result<> Controller::keep_variables(Variables variables) {
  if (variables == variables_) return {};
  if (auto written = vault_.write(variables); !written) return written;
  variables_ = std::move(variables);
  return {};
}

void Controller::set_contents(SecretContents contents) {
  const bool same = std::ranges::equal(contents_, contents, [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.files == b.second.files;
  });
  if (!same) former_ = std::move(contents_);
  contents_ = std::move(contents);
  redactor_ = redactor_of(loaded_->application, launcher_.directory, {&contents_, &former_});
  secret_marks_ = secret_reader_->marks_of(loaded_->application, launcher_.directory, {&contents_, &former_});
  redact_log(redactor_->empty() ? nullptr : redactor_);
}

bool Controller::has_changed_secrets(const SecretContents& next) const {
  return loaded_ && std::ranges::any_of(loaded_->application.services, [&](const manifest::Service& service) {
           return !changed_secrets(service, launcher_.directory, contents_, next).empty();
         });
}

void Controller::add_secret_changes(const Desired& desired, const Loaded& next, const SecretContents& secrets,
                                    std::vector<Change>& changed) const {
  for (const manifest::Service& service : next.application.services)
    for (const std::string& target : changed_secrets(service, desired.directory, contents_, secrets))
      changed.push_back({service.name, "secrets." + target, "(not shown)", "(another content)"});
}

Result<> Controller::add_secrets(const manifest::Service& service, compartments::Compartment& compartment) const {
  auto files = secret_files(service, launcher_.directory, contents_);
  if (!files) return fail(std::move(files.error()));
  const auto variables = secret_variables(service, launcher_.directory, contents_);
  if (!variables) return fail(variables.error());
  compartment.secrets = std::move(*files);
  for (const auto& [name, value] : *variables) compartment.environment[name] = value;
  return {};
}

// Of everything that its keeper is told.
std::string Controller::secrets_version(const manifest::Service& service) const {
  std::string version = secrets_revision(service, launcher_.directory, contents_);
  for (const manifest::GrantedSecret& each : service.secrets) {
    const auto content = contents_.find(content_key(each.secret, launcher_.directory));
    version += fmt::format(" {} {}", each.signal, content == contents_.end() ? "" : content->second.digest);
  }
  return version;
}

// Its keeper knows which of them it has already, also for a controller that has just returned. An instance that is
// going to be replaced keeps what it was started with.
void Controller::publish_secrets(Runtime& runtime) {
  const manifest::Service* service = loaded_ ? loaded_->application.service(runtime.service) : nullptr;
  if (runtime.keeper_channel == nullptr || service == nullptr || service->secrets.empty()) return;
  const auto slot = fleet_.slots().find(runtime.id);
  const auto goal = fleet_.goals().find(runtime.service);
  const bool outdated =
      slot != fleet_.slots().end() && goal != fleet_.goals().end() && slot->second.revision != goal->second.revision;
  const std::string version = secrets_version(*service);
  if (outdated || version == runtime.secrets_told) return;
  const auto files = secret_files(*service, launcher_.directory, contents_);
  if (!files) return;
  const json message = {{"type", "secrets"}, {"secrets", compartments::to_json(*files)}};
  if (runtime.keeper_channel->send(message.dump())) runtime.secrets_told = version;
}

// Whether some file is another one than what was read, and the same as at the last look.
bool Controller::is_rewritten(std::map<std::string, std::string>& seen) const {
  bool rewritten = false;
  std::map<std::string, std::string> now;
  for (const manifest::GrantedSecret* each : loaded_->application.granted_secrets()) {
    if (!is_file(*each)) continue;
    const std::string key = content_key(each->secret, launcher_.directory);
    const auto known = contents_.find(key);
    std::string print = fingerprint_of(each->secret, launcher_.directory);
    if (known != contents_.end() && print != known->second.fingerprint) rewritten = rewritten || seen[key] == print;
    now[key] = std::move(print);
  }
  seen = std::move(now);
  return rewritten;
}

net::Task<> Controller::watch_secrets() {
  std::map<std::string, std::string> seen;  // how files looked the last time
  for (;;) {
    if (!loaded_ || fleet_.going_down() || !has_files(loaded_->application)) {
      const auto changed = co_await changed_.wait(net::Deadline::never());
      if (!changed && changed.error().cause == Cause::closed) co_return;
      continue;
    }
    co_await net::sleep(loop_, loop_.in(kLookAtFiles));
    if (loaded_ && !fleet_.going_down() && is_rewritten(seen)) rotate();
  }
}

// The program is told, or its instances are replaced as by an `up`; what the manifest says of each secret decides.
void Controller::rotate() {
  const SecretContents before = contents_;
  set_contents(contents_of(desired_, *loaded_, variables_));
  const Peer self{::geteuid(), ::getpid(), "bulkhead", Role::admin};
  std::set<std::string> all;
  for (const manifest::Service& service : loaded_->application.services) {
    const std::set<std::string> names = changed_secrets(service, launcher_.directory, before, contents_);
    if (names.empty()) continue;
    log_line("{}: another content: {}", service.name, fmt::join(names, ", "));
    audit(self, "rotate", service.name, {{"secrets", names}}, "done");
    all.insert(names.begin(), names.end());
  }
  if (contents_ != before) changed_.notify_all();
  if (all.empty()) return;
  enter_history({"bulkhead", fmt::format("another content: {}", fmt::join(all, ", "))});
  fleet_.want(goals(), now());
  reconcile_soon();
}

json Controller::secret_problems() const {
  json list = json::array();
  if (!loaded_) return list;
  const auto granted = granted_to(desired_, loaded_->application);
  for (const std::string& problem : control::secret_problems(granted, launcher_.directory, contents_))
    list.push_back(problem + " (what runs keeps what it has)");
  return list;
}

}  // namespace bulkhead::control
