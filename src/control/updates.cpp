// Changes of what is wanted: taken in, written into the history, watched, and taken back.

#include <algorithm>
#include <set>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/log.hpp"
#include "control/controller.hpp"
#include "control/difference.hpp"
#include "control/reply.hpp"
#include "control/selection.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

json changes_json(const std::vector<Change>& all) {
  json list = json::array();
  for (const Change& each : all)
    list.push_back({{"subject", each.subject}, {"key", each.key}, {"before", each.before}, {"after", each.after}});
  return list;
}

// What says the same of a service whatever became of the others.
Desired without_what_is_left(Desired desired) {
  desired.pinned.clear();
  desired.held.clear();
  desired.numbers.clear();
  desired.selected.clear();
  return desired;
}

}  // namespace

// Services that went back, or that an `up` of others leaves alone, are what they were; the rest is what the manifest
// says.
Result<Loaded> Controller::load_pinned(const Desired& desired) const {
  std::vector<manifest::Service> others;
  std::map<std::string, std::string> ids = desired.pinned;
  ids.insert(desired.held.begin(), desired.held.end());
  for (const auto& [name, id] : ids) {
    auto then = history_->desired(id);
    if (!then) return fail(within("'" + name + "'", std::move(then.error())));
    auto loaded = load(*then, Reading::of_what_runs);
    if (!loaded) return fail(Cause::invalid, "'{}' as it was: {}", name, manifest::render(loaded.error().mistakes));
    if (const manifest::Service* service = loaded->application.service(name)) others.push_back(*service);
  }
  return load_with(desired, std::move(others));
}

// Makes `desired` what is wanted. Nothing changes where it can not be: the mistakes are in the fault.
Result<> Controller::take(Desired desired, bool keep, const Origin& origin, Left* left, std::optional<Read> read) {
  auto loaded = read ? Result<Loaded>(std::move(read->loaded)) : load_pinned(desired);
  if (!loaded) return fail(std::move(loaded.error()));
  if (loaded->application.name != app_)
    return fail(Cause::conflict, "this controller runs '{}', not '{}'", app_, loaded->application.name);
  for (const manifest::Service& service : loaded->application.services)
    if (service.image && !service.from_image && desired.selects(service.name))
      return fail(Cause::invalid, "the image of service '{}' is not unpacked: bulkhead up does that", service.name);
  if (!authority_) {
    auto authority = identity::Authority::open_or_create(launcher_.places.ca(), loaded->application.trust_domain,
                                                         [] { return std::chrono::system_clock::now(); });
    if (!authority) return fail(within("the certificate authority", std::move(authority.error())));
    authority_.emplace(std::move(*authority));
  } else if (authority_->trust_domain() != loaded->application.trust_domain) {
    return fail(Cause::conflict, "the trust domain is '{}' while the application runs, not '{}': take it down first",
                authority_->trust_domain(), loaded->application.trust_domain);
  }
  SecretContents contents = read ? std::move(read->contents) : contents_of(desired, *loaded, variables_);
  desired.numbers = loaded->model.numbers;
  const Roles roles(loaded->application.operators);
  if (keep && !roles.unknown().empty()) return fail(Cause::invalid, "{}", fmt::join(roles.unknown(), "\n"));
  auto certificate = make_gateway_certificate(loaded->application, desired.directory);
  if (!certificate) return fail(std::move(certificate.error()));
  auto users = users_of(loaded->application, launcher_.places.users());
  if (!users) return fail(std::move(users.error()));
  if (keep) {
    const std::string text = to_json(desired);
    if (auto saved = write_file_atomically(launcher_.places.desired(), text, 0600); !saved) return saved;
    desired_hash_ = hash_of(text);
  }
  desired_ = std::move(desired);
  loaded_ = std::move(*loaded);
  launcher_.directory = desired_.directory;
  set_contents(std::move(contents));
  give_roles(loaded_->application.operators);
  gateway_certificate_ = std::move(*certificate);
  users_ = std::move(*users);
  if (left != nullptr) adopt_names(*left);
  enter_history(origin);
  fleet_.want(goals(), now());
  wake_.notify_all();
  return {};
}

// What the goals of everything that runs are, of the manifest that is loaded or of another one.
std::vector<Goal> Controller::wanted_goals(const Desired& desired, const Loaded& loaded,
                                           const SecretContents& secrets) const {
  Launcher launcher = launcher_;
  launcher.directory = desired.directory;
  std::vector<Goal> all = goals_of(launcher, loaded.application, loaded.model, secrets);
  std::erase_if(all, [&](const Goal& goal) { return !desired.selects(goal.service); });
  return all;
}

// An `up` of some services leaves the others that run as they are.
Result<> Controller::select(Desired& desired) {
  if (desired.selected.empty()) return {};
  const auto wanted = load(desired);
  if (!wanted) return fail(Cause::invalid, "{}", manifest::render(wanted.error().mistakes));
  if (!loaded_ || fleet_.going_down()) return {};
  auto id = history_->keep(without_what_is_left(desired_));
  if (!id) return fail(within("the history", std::move(id.error())));
  leave_others(desired, wanted->application, desired_, loaded_->application, *id);
  return {};
}

// Every service's revision gets its entry. What could not be written (a full disk) is none to go back to.
void Controller::enter_history(const Origin& origin) {
  const Desired own = without_what_is_left(desired_);
  std::string id;
  for (const Goal& goal : wanted_goals(desired_, *loaded_, contents_)) {
    const Revision* current = history_->current(goal.service);
    if (current != nullptr && current->hash == goal.revision && current->failed.empty()) continue;
    const auto pinned = desired_.pinned.find(goal.service);
    if (pinned == desired_.pinned.end() && id.empty()) {
      auto kept = history_->keep(own);
      if (!kept) log_line("the history: {}", kept.error().message);
      if (kept) id = std::move(*kept);
    }
    Revision revision;
    revision.hash = goal.revision;
    revision.desired = pinned == desired_.pinned.end() ? id : pinned->second;
    revision.time = unix_now();
    revision.who = origin.who;
    revision.why = origin.why;
    if (const manifest::Service* service = loaded_->application.service(goal.service))
      keep_files(*service, revision, origin);
    history_->note(goal.service, std::move(revision));
  }
}

// Whether a revision that fails has one to go back to. One that failed and stayed is not tried to be left again and
// again, and neither is the one that was gone back to. One that differs by what its secrets hold is the same again.
bool Controller::can_go_back(const Goal& goal) const {
  const Revision* current = history_->current(goal.service);
  const Revision* before = history_->before(goal.service, goal.revision);
  if (goal.service == policy::kGateway || current == nullptr || before == nullptr) return false;
  const auto pinned = desired_.pinned.find(goal.service);
  const bool is_there = pinned != desired_.pinned.end() && pinned->second == before->desired;
  return current->failed.empty() && !is_there && before->desired != current->desired;
}

// What is wanted, less what somebody runs something else in the place of, with what is known of each revision.
std::vector<Goal> Controller::goals() const {
  std::vector<Goal> all = wanted_goals(desired_, *loaded_, contents_);
  for (Goal& goal : all) {
    const Revision* current = history_->current(goal.service);
    goal.proven = goal.job || (current != nullptr && current->proven);
    goal.can_go_back = can_go_back(goal);
    for (const auto& [instance, run] : runs_)
      if (run.service == goal.service && !run.beside) goal.scale = 0;
  }
  all.push_back(collector_goal(loaded_->application));
  return all;
}

void Controller::save_history() {
  std::vector<std::string> in_use;
  for (const auto* left : {&desired_.pinned, &desired_.held})
    for (const auto& [service, id] : *left) in_use.push_back(id);
  if (auto saved = history_->save(in_use); !saved) log_line("the history: {}", saved.error().message);
  if (std::set<std::string> files = history_->files(); files != kept_only_) {
    kept_files_.keep_only(files);
    kept_only_ = std::move(files);
  }
}

// A service that goes back has the files of then; one that does not, and of which somebody has looked at those of now,
// gets a copy of them for later.
void Controller::keep_files(const manifest::Service& service, Revision& revision, const Origin& origin) {
  if (const auto pinned = desired_.pinned.find(service.name); pinned != desired_.pinned.end()) {
    for (const Revision& each : history_->of(service.name))
      if (each.desired == pinned->second && !each.files.empty()) revision.files = each.files;
    return;
  }
  revision.files = KeptFiles::id_of(service, desired_.directory);
  const auto looked = origin.looked_at.find(service.name);
  if (looked == origin.looked_at.end()) return;
  std::vector<std::string> apart{state_base(), run_base(), cache_base(), launcher_.places.state, launcher_.places.run};
  for (const manifest::Service& each : loaded_->application.services)
    for (const manifest::Mount& mount : each.mounts)
      if (!mount.read_only) apart.push_back(absolute_path(desired_.directory, mount.host));
  kept_files_.keep({.id = revision.files,
                    .from = absolute_path(desired_.directory, service.dir),
                    .as_of_ns = looked->second,
                    .apart = std::move(apart)});
}

// What went back starts from the files that it had; else from those that lie there now.
Result<> Controller::start_as_it_was(const manifest::Service& service, compartments::Compartment& compartment) const {
  const Revision* current = history_->current(service.name);
  if (!desired_.pinned.contains(service.name) || current == nullptr || !kept_files_.has(current->files)) return {};
  auto laid = kept_files_.lay_out(current->files);
  if (!laid) return fail(std::move(laid.error()));
  compartment.directory = std::move(*laid);
  return {};
}

json Controller::difference(const Desired& desired, const Loaded& next, const SecretContents& secrets) const {
  const std::vector<Goal> wanted = wanted_goals(desired, next, secrets);
  const bool up = loaded_ && !fleet_.going_down();
  auto changed = changes(up ? &loaded_->application : nullptr, next.application);
  if (up) add_secret_changes(desired, next, secrets, changed);
  std::erase_if(changed, [&](const Change& change) {
    return next.application.service(change.subject) != nullptr && !desired.selects(change.subject);
  });
  json list = json::array();
  std::map<std::string, Goal> running;
  if (!fleet_.going_down()) running = fleet_.goals();
  running.erase(std::string(policy::kCollector));
  for (const Effect& each : effects(running, wanted, changed))
    list.push_back(
        {{"subject", each.subject}, {"kind", to_string(each.kind)}, {"before", each.before}, {"after", each.after}});
  return {{"changes", changes_json(changed)}, {"effects", list}};
}

// Each revision with what differs from the one before it, where what was desired then is still known.
json Controller::history(const json& request) const {
  if (!loaded_) return failure("nothing is running");
  const std::string wanted = request.value("service", "");
  json services = json::array();
  for (const manifest::Service& service : loaded_->application.services) {
    if (!wanted.empty() && service.name != wanted) continue;
    json revisions = json::array();
    std::optional<manifest::Service> before;
    for (const Revision& each : history_->of(service.name)) {
      json entry = {{"number", each.number}, {"time", each.time},     {"who", each.who},
                    {"why", each.why},       {"proven", each.proven}, {"failed", each.failed}};
      if (const std::string lost = lost_files(service.name, each); !lost.empty()) entry["lost_files"] = lost;
      std::optional<manifest::Service> then;
      if (const auto desired = history_->desired(each.desired))
        if (const auto loaded = load(*desired, Reading::of_what_runs))
          if (const manifest::Service* found = loaded->application.service(service.name)) then = *found;
      if (before && then) entry["changes"] = changes_json(changes(*before, *then));
      before = std::move(then);
      revisions.push_back(std::move(entry));
    }
    services.push_back({{"service", service.name}, {"owner", service.owner}, {"revisions", revisions}});
  }
  if (services.empty()) return failure(fmt::format("no service is called '{}'", wanted));
  return {{"ok", true}, {"services", services}};
}

// Why a service that goes back to `then` starts with other files than it had; "" where it does not, or nobody knows.
std::string Controller::lost_files(const std::string& service, const Revision& then) const {
  const auto desired = history_->desired(then.desired);
  if (!desired || kept_files_.has(then.files)) return "";
  const auto before = desired->sources.find(service), now = desired_.sources.find(service);
  if (before == desired->sources.end() || now == desired_.sources.end() || before->second == now->second) return "";
  const std::string problem = kept_files_.problem(then.files);
  return problem.empty() ? "there is no copy of them" : problem;
}

json Controller::roll_back(const json& request, const std::string& who) {
  const std::string service = request.at("service");
  const int number = request.value("to", 0);
  const Revision* current = history_->current(service);
  if (!loaded_ || loaded_->application.service(service) == nullptr || current == nullptr)
    return failure(fmt::format("no service is called '{}'", service));
  const Revision* to = number == 0 ? history_->before(service, current->hash) : history_->find(service, number);
  if (to == nullptr)
    return failure(number == 0 ? fmt::format("'{}' has no earlier revision that was ready", service)
                               : fmt::format("'{}' has no revision {}: bulkhead history {} shows those that are kept",
                                             service, number, service));
  if (to->hash == current->hash && current->failed.empty())
    return failure(
        fmt::format("'{}' is in revision {} already, which is the same as {}", service, current->number, to->number));
  if (to->desired == current->desired && current->failed.empty())
    return failure(
        fmt::format("'{}' in revision {} differs from {} by what its secrets hold, and they stay as they are now",
                    service, current->number, to->number));
  const int target = to->number;
  const std::string lost = lost_files(service, *to);
  Desired changed = desired_;
  changed.pinned[service] = to->desired;
  changed.held.erase(service);
  if (auto taken = take(std::move(changed), true,
                        {who, fmt::format("rollback to {}{}", target, lost.empty() ? "" : ", with the files of now")});
      !taken)
    return failure(taken.error().message);
  reconcile_soon();
  return {{"ok", true},
          {"to", target},
          {"number", history_->current(service)->number},
          {"other_files", !lost.empty()},
          {"lost_files", lost}};
}

// A new revision failed: the service becomes what it was before, and everything else stays.
void Controller::go_back(const std::string& service, const std::string& reason) {
  const std::string hash = fleet_.goals().at(service).revision;
  const Revision* to = history_->before(service, hash);
  history_->give_up(service, hash, reason);
  log_line("{}: revision {} is given up: {}", service, history_->current(service)->number, reason);
  if (to == nullptr) return;
  const std::string why = fmt::format("went back to {}{}: {}", to->number,
                                      lost_files(service, *to).empty() ? "" : ", with the files of now", reason);
  Desired changed = desired_;
  changed.pinned[service] = to->desired;
  const json details = {{"to", to->number}, {"reason", reason}};
  const auto taken = take(std::move(changed), true, {"bulkhead", why});
  if (!taken) {
    log_line("{} can't go back: {}", service, taken.error().message);
    fleet_.want(goals(), now());  // it is started again and again, as any other that fails
  }
  const Peer self{::geteuid(), ::getpid(), "bulkhead", Role::admin};
  audit(self, "rollback", service, details, taken ? "done" : "failed: " + taken.error().message);
  reconcile_soon();
}

// While the first new instances are not trusted yet, they get the share of the requests that the manifest says.
void Controller::mark_canaries() {
  if (!loaded_) return;
  for (const auto& [id, runtime] : runtimes_) {
    const manifest::Service* service = loaded_->application.service(runtime.service);
    const auto slot = fleet_.slots().find(id);
    std::uint32_t share = 0;
    if (service != nullptr && service->update.canary && slot != fleet_.slots().end() &&
        fleet_.is_first_step(runtime.service, now()) &&
        slot->second.revision == fleet_.goals().at(runtime.service).revision)
      share = service->update.canary->of_ten_thousand;
    registry_.set_share(id, share);
  }
}

net::Task<> Controller::watch_bounds() {
  for (;;) {
    const auto is_watched = [&](const auto& entry) {
      const manifest::Service* service = loaded_ ? loaded_->application.service(entry.first) : nullptr;
      return service != nullptr && service->update.auto_rollback && !entry.second.proven && entry.second.can_go_back;
    };
    if (std::ranges::none_of(fleet_.goals(), is_watched)) {
      const auto changed = co_await changed_.wait(net::Deadline::never());
      if (!changed && changed.error().cause == Cause::closed) co_return;
      continue;
    }
    co_await net::sleep(loop_, loop_.in(1s));
    co_await refresh_stats();
    std::map<std::string, std::string> broken;
    for (const auto& [id, slot] : fleet_.slots()) {
      const auto goal = fleet_.goals().find(slot.service);
      const auto runtime = runtimes_.find(id);
      if (goal == fleet_.goals().end() || runtime == runtimes_.end() || !is_watched(*goal)) continue;
      if (slot.revision != goal->second.revision || slot.phase == Phase::stopping) continue;
      const manifest::AutoRollback& bounds = *loaded_->application.service(slot.service)->update.auto_rollback;
      const std::string why = runtime->second.trial.look(bounds, totals_of(runtime->second), now());
      if (!why.empty()) broken.emplace(slot.service, fmt::format("{}: {}", id, why));
    }
    for (const auto& [service, why] : broken) go_back(service, why);
  }
}

// A schedule that changed counts from now; a clock that was put back brings the next time nearer.
void Controller::run_if_due(const manifest::Service& job, std::int64_t clock) {
  const manifest::Schedule& schedule = *job.job.schedule;
  const auto known = due_.find(job.name);
  const bool is_due = known != due_.end() && known->second.schedule == schedule.text() && known->second.at <= clock;
  if (is_due) {
    if (!fleet_.on_due(job.name, now()))
      log_line("the job '{}' still runs: the run that was due is left out", job.name);
    reconcile_soon();
  }
  if (const auto next = schedule.next(clock))
    due_[job.name] = {*next, schedule.text()};
  else
    due_.erase(job.name);
}

// Starts scheduled jobs. The clock is read again within a minute, so that a step of it, or a night asleep, shows.
net::Task<> Controller::run_jobs() {
  for (;;) {
    const std::int64_t clock = unix_now();
    std::set<std::string> scheduled;
    if (loaded_ && !fleet_.going_down()) {
      for (const manifest::Service& service : loaded_->application.services) {
        if (!service.job.schedule) continue;
        scheduled.insert(service.name);
        run_if_due(service, clock);
      }
    }
    std::erase_if(due_, [&](const auto& each) { return !scheduled.contains(each.first); });
    std::int64_t wait = 60;
    for (const auto& [name, due] : due_) wait = std::clamp<std::int64_t>(due.at - clock, 1, wait);
    const auto deadline = due_.empty() ? net::Deadline::never() : loop_.in(std::chrono::seconds(wait));
    const auto woken = co_await wake_.wait(deadline);
    if (!woken && woken.error().cause == Cause::closed) co_return;
  }
}

}  // namespace bulkhead::control
