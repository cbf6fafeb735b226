#include "collect/intake.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include <nlohmann/json.hpp>

#include "collect/clock.hpp"
#include "collect/flat.hpp"
#include "collect/log_line.hpp"
#include "collect/record_line.hpp"
#include "policy/model.hpp"

namespace bulkhead::collect {

namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 50ms;  // between two looks at files that had nothing new, and the least rest after a round
constexpr auto kLongestRest = 500ms;        // after a round that took long
constexpr int kRest = 4;                    // times what the round took: what comes meanwhile is cheaper together
constexpr auto kRetry = 1s;                 // after a store that failed
constexpr auto kJoin = 1s;                  // between two looks at which calls can be joined by now
constexpr auto kFindSources = 1s;           // between two looks for new files
constexpr std::size_t kAtOnce = 4U << 20U;  // of one file, before it is another's turn
constexpr unsigned kOldFiles = 8;
constexpr std::size_t kMostWaiting = 256;

// The names of the files that are written now: "checkout-1" of "checkout-1", "checkout-1.1", or of "checkout-1.log".
std::set<std::string> current_files(const std::string& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    const std::size_t dot = name.rfind('.');
    const bool numbered = dot != std::string::npos && dot + 1 < name.size() &&
                          name.find_first_not_of("0123456789", dot + 1) == std::string::npos;
    names.insert(numbered ? name.substr(0, dot) : std::move(name));
  }
  return names;
}

}  // namespace

std::string service_of(std::string_view instance) { return std::string(instance.substr(0, instance.rfind('-'))); }

Intake::Intake(IntakeOptions options, Handlers handlers)
    : options_(std::move(options)), handlers_(std::move(handlers)) {}

Intake::~Intake() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Intake::start() {
  thread_ = std::thread([this] { run(); });
}

std::shared_ptr<const Store> Intake::store() const {
  const std::lock_guard lock(mutex_);
  return store_;
}

bool Intake::put(std::move_only_function<Result<>(Window&)> write) {
  const std::lock_guard lock(mutex_);
  if (put_.size() >= kMostWaiting) return false;
  put_.push_back(std::move(write));
  if (put_.size() == kMostWaiting / 2) wake_.notify_one();
  return true;
}

void Intake::set_kept(const Kept& kept) {
  const std::lock_guard lock(mutex_);
  kept_ = kept;
  if (store_) store_->set_kept(kept);
}

void Intake::say(const std::string& text) {
  if (text == std::exchange(last_trouble_, text)) return;
  handlers_.trouble(text);
}

bool Intake::open_store() {
  if (store_) return true;
  StoreOptions options = options_.store;
  {
    const std::lock_guard lock(mutex_);
    if (kept_) options.kept = *kept_;
  }
  auto store = Store::open(std::move(options), unix_millis());
  if (!store) {
    say(store.error().message);
    return false;
  }
  const std::lock_guard lock(mutex_);
  store_ = std::move(*store);
  if (kept_) store_->set_kept(*kept_);
  return true;
}

void Intake::run() {
  auto find_again = std::chrono::steady_clock::time_point{};
  for (;;) {
    bool more = false;
    const auto began = std::chrono::steady_clock::now();
    const bool usable = open_store();
    if (usable) {
      if (std::chrono::steady_clock::now() >= find_again) {
        find_sources();
        find_again = std::chrono::steady_clock::now() + kFindSources;
      }
      more = read_round();
      for (const std::string& problem : store_->take_problems()) say(problem);
    }
    std::unique_lock lock(mutex_);
    if (ending_) return;
    const auto took = std::chrono::steady_clock::now() - began;
    const auto rest = std::clamp<std::chrono::nanoseconds>(kRest * took, kLook, kLongestRest);
    const bool well = usable && last_trouble_.empty();
    const auto pressed = [&] { return ending_ || (well && put_.size() >= kMostWaiting / 2); };
    if (!more) wake_.wait_for(lock, well ? rest : kRetry, pressed);
  }
}

void Intake::find_sources() {
  const auto follow = [&](const std::string& directory, const std::string& file, bool logs) {
    const std::string name = (logs ? "logs/" : "records/") + file;
    if (sources_.contains(name)) return;
    const auto known = store_->positions().find(name);
    Position position = known == store_->positions().end() ? Position() : known->second;
    const std::string instance = logs ? file.substr(0, file.size() - std::string_view(".log").size()) : file;
    sources_[name] =
        std::make_unique<Source>(Tail(directory + "/" + file, kOldFiles, std::move(position)), instance, logs);
    sources_[name]->sidecar = !logs && service_of(instance) != policy::kGateway;
  };
  for (const std::string& file : current_files(options_.records)) follow(options_.records, file, false);
  for (const std::string& file : current_files(options_.logs))
    if (file.ends_with(".log") && file != "platform.log") follow(options_.logs, file, true);
}

// One transaction with what is new everywhere. True: there is more.
bool Intake::read_round() {
  const std::int64_t now = unix_millis();
  if (auto turned = store_->turn(now); !turned) {
    give_up_round(turned.error());
    return false;
  }
  std::vector<std::move_only_function<Result<>(Window&)>> put;
  {
    const std::lock_guard lock(mutex_);
    put.swap(put_);
  }
  look_at_joins();
  const auto has_news = [](const auto& entry) { return entry.second->tail.has_news(); };
  if (put.empty() && settled_.empty() && std::ranges::none_of(sources_, has_news)) {
    read_ms_ = now;
    last_trouble_.clear();
    return false;
  }
  Window& window = store_->window();
  if (auto begun = window.begin(); !begun) {
    give_up_round(begun.error());
    return false;
  }
  bool more = false, anything = !put.empty() || !settled_.empty();
  Result<> written;
  for (auto& write : put)
    if (written) written = write(window);
  for (auto& [name, source] : sources_) {
    if (!written) break;
    auto read = read_source(name, *source);
    if (!read) {
      written = fail(std::move(read.error()));
      break;
    }
    more = more || *read;
    anything = anything || source->tail.position() != store_->positions()[name];
  }
  if (written) written = add_settled();
  if (written && !anything) {
    window.roll_back();
    joiner_.go_back();
    read_ms_ = now;
    last_trouble_.clear();
    return false;
  }
  if (written) written = window.commit(now);
  if (!written) {
    window.roll_back();
    give_up_round(written.error());
    return false;
  }
  for (auto& [name, source] : sources_) store_->positions()[name] = source->tail.position();
  settled_ = {};
  joiner_.keep();
  if (!more) read_ms_ = now;
  last_trouble_.clear();
  handlers_.news(std::exchange(news_, {}));
  return more;
}

// Nothing of this round was kept: everything is read again.
void Intake::give_up_round(const Fault& fault) {
  news_ = {};
  joiner_.go_back();
  for (auto& [name, source] : sources_) source->tail.go_back(store_->positions()[name]);
  if (fault.cause == Cause::exhausted && store_->make_room())
    return say(fault.message + ": the oldest window was dropped");
  say(fault.message);
}

Result<bool> Intake::read_source(const std::string& name, Source& source) {
  std::string state = source.tail.position().state;
  const Tail::Sink sink{[&](std::string_view line) -> Result<> {
                          if (source.logs) return take_log(source, line);
                          ++lines_;
                          return take_record(source, line, state);
                        },
                        [&](std::uint64_t lines) {
                          return store_->window().add_loss(unix_millis(), name, lines,
                                                           "overwritten before they were read");
                        }};
  auto more = source.tail.read(kAtOnce, sink);
  if (!more) return more;
  source.tail.set_state(std::move(state));
  if (source.tail.position() != store_->positions()[name])
    if (auto set = store_->window().set_position(name, source.tail.position()); !set)
      return fail(std::move(set.error()));
  return more;
}

// What no header joins is settled once what could still change it has ended.
void Intake::look_at_joins() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ >= kJoin) {
    looked_ = now;
    joiner_.look(read_ms_ * 1000);
  }
  auto [joins, left_out] = joiner_.take();
  settled_.joins.insert(settled_.joins.end(), joins.begin(), joins.end());
  for (const auto& [instance, hops] : left_out) settled_.left_out[instance] += hops;
}

Result<> Intake::add_settled() {
  Window& window = store_->window();
  for (const TraceJoin& join : settled_.joins)
    if (auto added = window.add(join); !added) return added;
  for (const auto& [instance, hops] : settled_.left_out)
    if (auto added =
            window.add_loss(unix_millis(), instance, hops, "no header joins them, and too many came to infer it");
        !added)
      return added;
  return {};
}

// The first of what comes together, and of the slow ones more.
void Intake::show(const SpanRow& row) {
  constexpr std::size_t kMost = 16, kMostSlow = 256;
  constexpr std::int64_t kSlow = 100'000;
  if (news_.shown.size() >= (row.us < kSlow ? kMost : kMostSlow)) return;
  news_.shown.push_back({row.hop != "inner", std::string(row.caller), std::string(row.callee), row.port, row.us,
                         row.start_us + row.us, row.trace});
}

// A line that can't be read is counted, and nothing else: a sidecar of another build may write what is unknown here.
Result<> Intake::take_record(Source& source, std::string_view line, std::string& state) {
  Window& window = store_->window();
  switch (kind_of(line)) {
    case RecordKind::span: {
      FlatObject members(line);
      SpanRow row;
      if (!read_span(members, row)) break;
      if (source.sidecar) joiner_.add(source.instance, row);
      show(row);
      return window.add(row);
    }
    case RecordKind::denied:
    case RecordKind::undeclared: {
      FlatObject members(line);
      DecisionRow row;
      std::string action;
      if (!read_decision(members, row, action)) break;
      news_.decisions.push_back(decision_json(row).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
      return window.add(row);
    }
    case RecordKind::counts: return take_counts(line, state);
    case RecordKind::dropped: {
      FlatObject members(line);
      std::int64_t lines = 0;
      while (members.next())
        if (members.key() == "lines") lines = members.number();
      return window.add_loss(unix_millis(), source.instance,
                             static_cast<std::uint64_t>(std::max<std::int64_t>(lines, 0)), "more than its buffer held");
    }
    case RecordKind::note: {
      FlatObject members(line);
      std::int64_t at = 0;
      std::string_view text;
      while (members.next()) {
        if (members.key() == "time_us") at = members.number();
        if (members.key() == "text") text = members.text();
      }
      return window.add_note(at, source.instance, text);
    }
    case RecordKind::unknown: break;
  }
  return window.add_loss(unix_millis(), source.instance, 1, "could not be understood");
}

Result<> Intake::take_counts(std::string_view line, std::string& state) {
  Window& window = store_->window();
  auto flowed = flowed_since(state, line);
  if (!flowed) return window.add_loss(unix_millis(), "counts", 1, flowed.error().message);
  state = remember(state, line);
  for (const Flow& flow : flowed->flows) {
    FlowRow row;
    row.at_ms = flowed->at_ms;
    row.caller_side = flow.caller_side;
    row.caller = flow.caller;
    row.callee = flow.callee;
    row.port = flow.port;
    row.requests = flow.requests;
    row.errors = flow.errors;
    row.sent = flow.sent;
    row.received = flow.received;
    std::ranges::copy(flow.classes, row.classes);
    const std::string latency = flow.latency.encode();
    row.latency = latency;
    if (auto added = window.add(row); !added) return added;
  }
  for (const Attempt& attempt : flowed->attempts) {
    const AttemptRow row{flowed->at_ms, attempt.caller, attempt.callee, attempt.method,
                         attempt.path,  attempt.reason, attempt.count};
    if (auto added = window.add(row); !added) return added;
  }
  news_.flowed.push_back(std::move(*flowed));
  return {};
}

Result<> Intake::take_log(const Source& source, std::string_view line) {
  LogRow row;
  std::string text;
  if (!read_log_line(line, row, text))
    return store_->window().add_loss(unix_millis(), source.instance, 1, "could not be understood");
  const std::string service = service_of(source.instance);
  row.service = service;
  row.instance = source.instance;
  return store_->window().add(row);
}

}  // namespace bulkhead::collect
