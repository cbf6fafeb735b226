#include "builds/builder.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "net/process.hpp"
#include "net/watch.hpp"

namespace bulkhead::builds {

using namespace std::chrono_literals;

namespace {

constexpr auto kLook = 50ms;  // how often it is asked whether to stop, or whether a place is free
constexpr auto kGrace = 2s;   // from SIGTERM to SIGKILL
constexpr std::size_t kLongestLine = 64U << 10U;

void add_outputs(const Record& record, std::set<std::string>& into) {
  for (const Files* files : {&record.outputs, &record.programs})
    for (const auto& [path, hash] : *files)
      if (!record.inputs.contains(path)) into.insert(path);
}

// What services are made of by now.
void note(const Unit& unit, const Record& record, const Now& now, Builder::Outcome& outcome) {
  for (const std::string& service : unit.services) {
    outcome.sources[service] = fingerprint(record, now);
    outcome.as_of_ns[service] = now.as_of_ns;
  }
  add_outputs(record, outcome.outputs);
}

int at_once() { return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 8); }

}  // namespace

// No two builds write into one directory at a time, whoever started them.
class Builder::Lock {
 public:
  static Result<Lock> open(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file) return os_fail("open " + path);
    return Lock(std::move(file));
  }
  bool take() const { return ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0; }

 private:
  explicit Lock(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

Builder::Builder(std::string memory, FileReader& files, Show show, std::function<bool()> stopped)
    : memory_(std::move(memory)), files_(files), show_(std::move(show)), stopped_(std::move(stopped)) {}

std::string Builder::path_of(const Unit& unit) const {
  const nlohmann::json key{unit.scope.dir, unit.commands, unit.scope.inputs, unit.scope.ignore};
  return fmt::format("{}/{:.16}.json", memory_,
                     hash_of(key.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

Result<Record> Builder::recall(const Unit& unit) const {
  if (const auto unsaved = unsaved_.find(path_of(unit)); unsaved != unsaved_.end()) return unsaved->second;
  auto text = read_file(path_of(unit), 256U << 20U);
  return text ? record_from_json(*text) : fail(std::move(text.error()));
}

void Builder::remember(const Unit& unit, const Record& record) {
  const std::string path = path_of(unit);
  const auto saved = write_file_atomically(path, to_json(record));
  const bool was_unsaved = unsaved_.erase(path) != 0;
  if (saved) return;
  unsaved_[path] = record;
  if (!was_unsaved) show_.not_remembered(saved.error());
}

Result<Now> Builder::look(const Unit& unit) {
  Now now;
  now.as_of_ns = file_time_ns();
  auto files = files_.read(unit.scope);
  if (!files) return fail(std::move(files.error()));
  for (const auto& [path, hash] : *files) now.inputs.insert(path);
  now.files = std::move(*files);
  for (const Scope& scope : unit.run_from) {
    auto more = files_.read(scope);
    if (!more) return fail(std::move(more.error()));
    now.files.merge(*more);
  }
  for (const std::string& path : unit.programs) now.programs[path] = files_.read_one(path);
  return now;
}

Builder::Plan Builder::plan(const std::vector<Unit>& units) {
  Plan plan;
  for (const Unit& unit : units) {
    const auto now = look(unit);
    const auto last = recall(unit);
    std::string reason;
    if (!now)
      reason = now.error().message;
    else if (!is_hopeless(unit, *now))
      reason = reason_to_build(last ? &*last : nullptr, unit.commands, *now, unit.scope.dir);
    for (const std::string& service : unit.services) {
      if (!reason.empty())
        plan.reasons[service] = reason;
      else if (last && now)
        plan.sources[service] = fingerprint(*last, *now);
    }
  }
  return plan;
}

Builder::Outcome Builder::build(const std::vector<Unit>& units) {
  Outcome outcome;
  if (units.empty()) return outcome;
  // What the platform keeps may lie beside it, and has to be passed to.
  if (auto made = make_directories(memory_, 0711); !made) {
    for (const Unit& unit : units) outcome.failures.push_back({unit.name(), unit.services, made.error().message});
    return outcome;
  }
  const auto all = [](Builder& self, const std::vector<Unit>& each, Outcome& into) -> net::Task<> {
    net::Gate gate(self.loop_);
    for (const Unit& unit : each) gate.spawn(self.build_one(unit, into));
    co_await gate.close();
  };
  loop_.run(all(*this, units, outcome));
  return outcome;
}

net::Task<> Builder::build_one(const Unit& unit, Outcome& outcome) {
  while (running_ >= at_once() && !stopped_()) co_await net::sleep(loop_, loop_.in(kLook));
  const bool failed = std::ranges::any_of(outcome.failures, [](const Failure& each) { return !each.known; });
  if (stopped_() || failed) co_return;
  ++running_;
  const auto built = co_await build_locked(unit, outcome);
  --running_;
  if (!built) outcome.failures.push_back({unit.name(), unit.services, built.error().message});
}

net::Task<Result<>> Builder::build_locked(const Unit& unit, Outcome& outcome) {
  const auto lock = Lock::open(fmt::format("{}/{:.16}.lock", memory_, hash_of(unit.scope.dir)));
  if (!lock) co_return fail(lock.error());
  while (!lock->take() && !stopped_()) co_await net::sleep(loop_, loop_.in(kLook));
  const auto before = look(unit);
  if (!before) co_return fail(before.error());
  const auto last = recall(unit);
  const Record* known = last ? &*last : nullptr;
  const std::string reason = reason_to_build(known, unit.commands, *before, unit.scope.dir);
  if (reason.empty()) {
    show_.unchanged(unit);
    note(unit, *last, *before, outcome);
    co_return Result<>();
  }
  if (is_hopeless(unit, *before)) {
    outcome.failures.push_back({unit.name(), unit.services, failed_.at(path_of(unit)).problem, true});
    co_return Result<>();
  }
  show_.begins(unit, reason);
  const auto since = std::chrono::steady_clock::now();
  for (const auto& command : unit.commands) {
    const auto done = co_await run(unit, command);
    if (done) continue;
    note_failure(unit, known, *before, done.error().message);
    co_return fail(done.error());
  }
  failed_.erase(path_of(unit));
  show_.done(unit, std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - since));
  const auto after = look(unit);
  if (!after) co_return fail(after.error());
  const Record record = learn(known, unit.commands, *before, *after);
  remember(unit, record);
  note(unit, record, *after, outcome);
  co_return Result<>();
}

// Whether it has failed, and nothing was edited since.
bool Builder::is_hopeless(const Unit& unit, const Now& now) const {
  const auto failed = failed_.find(path_of(unit));
  if (failed == failed_.end() || failed->second.files != now.files) return false;
  return failed->second.doubtful.empty() || failed->second.twice;
}

void Builder::note_failure(const Unit& unit, const Record* last, const Now& before, const std::string& problem) {
  const auto after = look(unit);
  if (!after) return;
  const Record record = learn(last, unit.commands, before, *after, false);
  remember(unit, record);
  Failed& failed = failed_[path_of(unit)];
  failed.twice = failed.files == before.files && failed.doubtful == record.doubtful;
  failed.doubtful = record.doubtful;
  failed.files = after->files;
  failed.problem = problem;
}

net::Task<Result<>> Builder::run(const Unit& unit, const std::vector<std::string>& command) {
  std::error_code error;
  if (!std::filesystem::is_directory(unit.scope.dir, error))
    co_return fail(Cause::not_found, "there is no directory {}", unit.scope.dir);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) co_return os_fail("make a pipe");
  Fd output(ends[0]);
  Fd input(ends[1]);
  net::ProcessSpec spec{.argv = command, .environment = net::own_environment(), .directory = unit.scope.dir};
  spec.fds = {{input.get(), 1}, {input.get(), 2}};
  spec.new_session = true;  // a group of its own, which is ended as a whole
  const auto process = net::start_process(spec);
  input.reset();
  if (!process) co_return fail(process.error());
  net::Gate gate(loop_);
  gate.spawn(read_lines(unit, std::move(output)));
  net::Gate ending(loop_);
  ending.spawn(end_when_stopped(process->pid));
  const auto ended = co_await net::wait_exit(loop_, process->pidfd, net::Deadline::never());
  if (!ended) co_return fail(ended.error());
  // What it left running in the background may keep the pipe; it is not waited for.
  const net::Deadline last_words = loop_.in(200ms);
  while (gate.inside() > 0 && !last_words.passed(loop_.now())) co_await net::sleep(loop_, loop_.in(5ms));
  if (stopped_()) co_return fail(Cause::closed, "interrupted");
  if (!ended->success()) co_return fail(Cause::conflict, "{}", ended->text());
  co_return Result<>();
}

net::Task<> Builder::end_when_stopped(pid_t group) {
  while (!stopped_()) co_await net::sleep(loop_, loop_.in(kLook));
  ::kill(-group, SIGTERM);
  co_await net::sleep(loop_, loop_.in(kGrace));
  ::kill(-group, SIGKILL);
}

net::Task<> Builder::read_lines(const Unit& unit, Fd pipe) {
  auto watch = net::Watch::adopt(loop_, std::move(pipe));
  if (!watch) co_return;
  std::string pending;
  std::vector<char> buffer(16U << 10U);
  for (;;) {
    const auto ready = co_await watch->readable(net::Deadline::never());
    if (!ready) co_return;
    const ssize_t got = ::read(watch->fd(), buffer.data(), buffer.size());
    if (got < 0 && errno == EAGAIN) watch->not_readable();
    if (got < 0) continue;
    pending.append(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      show_.writes(unit, std::string_view(pending).substr(0, end));
      pending.erase(0, end + 1);
    }
    if (!pending.empty() && (got == 0 || pending.size() > kLongestLine)) {
      show_.writes(unit, pending);
      pending.clear();
    }
    if (got == 0) co_return;
  }
}

}  // namespace bulkhead::builds
