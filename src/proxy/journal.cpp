#include "proxy/journal.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>
#include <sys/random.h>

#include "http/target.hpp"
#include "policy/decide.hpp"
#include "proxy/defaults.hpp"
#include "proxy/end_user.hpp"

namespace bulkhead::proxy {

namespace {

constexpr std::string_view kNotEnforced = "would be denied";

// Ids and draws, from the operating system's generator by the page, as each request takes some. It does not fail once
// it has been seeded.
void fill_random(std::span<std::uint8_t> bytes) {
  static thread_local std::array<std::uint8_t, 4096> page;
  static thread_local std::size_t used = page.size();
  if (bytes.size() > page.size() - used) {
    for (std::size_t filled = 0; filled < page.size();) {
      const ssize_t count = ::getrandom(page.data() + filled, page.size() - filled, 0);
      if (count > 0) filled += static_cast<std::size_t>(count);
    }
    used = 0;
  }
  std::copy_n(page.data() + used, bytes.size(), bytes.data());
  used += bytes.size();
}

// `refusal` as it may be written down; nothing where that is all of it.
std::optional<Refusal> without_hidden(const Visit& visit, const Refusal& refusal) {
  if (visit.mask == nullptr) return std::nullopt;
  const auto shown = visit.mask->hide(refusal.path);
  if (!shown) return std::nullopt;
  Refusal shorter = refusal;
  // The line that would allow it spells some characters otherwise.
  const std::string quoted = policy::between_quotes(refusal.path);
  for (std::string* text : {&shorter.path, &shorter.reason, &shorter.allow})
    for (const std::string& path : {refusal.path, quoted})
      *text = contracts::with_path_hidden(std::move(*text), path, *shown);
  return shorter;
}

// Whoever refused may have named the path.
std::string detail_without_hidden(const Visit& visit) {
  if (visit.path_shown.empty()) return visit.detail;
  const std::string_view path = http::split_target(visit.path).path;
  return contracts::with_path_hidden(visit.detail, path, http::split_target(visit.path_shown).path);
}

}  // namespace

Journal::Journal(net::Loop& loop, std::string own_service, std::unique_ptr<telemetry::Records> records)
    : loop_(loop), own_service_(std::move(own_service)), records_(std::move(records)), random_(fill_random) {}

void Journal::begin(Visit& visit) {
  visit.start = std::chrono::steady_clock::now();
  visit.wall_start = std::chrono::system_clock::now();
  if (paused_) return;
  visit.edge = &edges_.at({visit.side, visit.caller, visit.callee, visit.port});
  visit.edge->begin();
}

void Visit::hide(const contracts::PathMask* hiding, std::string_view seen) {
  mask = hiding;
  if (mask != nullptr) path_shown = mask->hide(path, seen).value_or("");
}

void Visit::answer_began() {
  if (edge == nullptr || std::exchange(answered, true)) return;
  edge->answer_began(std::chrono::steady_clock::now() - start);
}

void Journal::finish(const Visit& visit) {
  if (visit.edge == nullptr) return;
  const auto duration = std::chrono::steady_clock::now() - visit.start;
  telemetry::EdgeCounts& edge = *visit.edge;
  if (!visit.answered) edge.answer_began(duration);
  const bool failed = visit.broke_off || visit.grpc_status > 0;
  edge.end(visit.status, failed, visit.cause);
  edge.bytes_sent += visit.bytes_sent;
  edge.bytes_received += visit.bytes_received;
  ++version_;
  if (!records_) return;
  telemetry::Span span;
  span.context = visit.trace.context;
  span.parent = visit.trace.parent;
  if (!visit.trace.id_is_traces) span.request_id = visit.trace.request_id;
  if (visit.user) span.user = visit.user->user.subject;
  span.hop = visit.hop;
  span.edge = edge.members;
  span.instance = visit.instance;
  span.protocol = visit.protocol;
  span.method = visit.method;
  span.path = visit.path_shown.empty() ? visit.path : visit.path_shown;
  span.status = visit.status;
  span.grpc_status = visit.grpc_status;
  span.cause = visit.cause;
  span.fell_back = visit.fell_back;
  span.start = visit.wall_start;
  span.duration = duration;
  span.bytes_sent = visit.bytes_sent;
  span.bytes_received = visit.bytes_received;
  span.attempts = visit.attempts;
  const std::string detail = detail_without_hidden(visit);
  span.detail = detail;
  span.rule = visit.rule;
  span.no_retry = visit.no_retry;
  span.queued = visit.queued;
  span.injected = visit.injected;
  records_->append(span);
}

void Journal::denied(const Visit& visit, const Refusal& whole, std::string_view verdict) {
  if (paused_) return;
  const std::optional<Refusal> shorter = without_hidden(visit, whole);
  const Refusal& refusal = shorter ? *shorter : whole;
  const auto now = std::chrono::system_clock::now();
  const std::string_view path = std::string_view(refusal.path).substr(0, refusal.path.find('?'));
  const bool learned = verdict == kLearned;
  const std::string_view reason = learned || verdict == kAudited ? kNotEnforced : facts(refusal.cause).name;
  (learned ? learned_ : denials_)
      .count({refusal.caller, refusal.callee, refusal.method, std::string(path), std::string(reason), refusal.allow},
             now);
  ++version_;
  if (!records_) return;
  const std::string action = refusal.path.empty() ? fmt::format("{} :{}", visit.protocol, visit.port)
                                                  : fmt::format("{} {}", refusal.method, path);
  telemetry::Denied line;
  if (learned) {
    const auto times = due(learned_lines_, fmt::format("{} {} {}", refusal.caller, visit.port, action));
    if (!times) return;
    line.repeated = *times;
  }
  line.subject = refusal.caller;
  line.object = refusal.callee;
  line.owner = refusal.owner;
  line.action = action;
  line.verdict = verdict;
  line.rule = refusal.rule;
  line.rule_at = refusal.rule_at;
  line.reason = refusal.reason;
  line.allow = refusal.allow;
  line.hop = visit.hop;
  const std::string trace = telemetry::hex(visit.trace.context.trace_id);
  line.trace_id = trace;
  line.request_id = visit.trace.request_id;
  if (visit.user) line.user = visit.user->user.subject;
  line.time = now;
  records_->append(line);
}

void Journal::undeclared_answer(const Visit& visit, std::string_view operation, std::string_view what) {
  if (paused_) return;
  const auto now = std::chrono::system_clock::now();
  denials_.count({visit.callee, visit.caller, "", std::string(operation), "undeclared_answer"}, now);
  ++version_;
  note_now_and_then(answers_, fmt::format("{} answered {} to {}: {}", visit.callee, operation, visit.caller, what));
}

void Journal::undeclared(std::string_view target, std::string_view protocol, std::string_view allow) {
  if (paused_) return;
  const auto now = std::chrono::system_clock::now();
  denials_.count({own_service_, "", std::string(protocol), std::string(target), "undeclared", std::string(allow)}, now);
  ++version_;
  if (!records_) return;
  const auto times = due(dials_, fmt::format("{} {}", protocol, target));
  if (!times) return;
  telemetry::UndeclaredDial line;
  line.caller = own_service_;
  line.target = target;
  line.protocol = protocol;
  line.allow = allow;
  line.repeated = *times;
  line.time = now;
  records_->append(line);
}

std::optional<std::uint64_t> Journal::due(Kinds& kinds, const std::string& kind) {
  if (!kinds.lines.contains(kind) && kinds.lines.size() >= defaults::kMaxDialKinds) {
    if (loop_.now() - kinds.cleared < defaults::kDialQuiet) return std::nullopt;
    kinds.cleared = loop_.now();
    kinds.lines.clear();
  }
  const auto [place, is_new] = kinds.lines.try_emplace(kind);
  Repeated& repeated = place->second;
  ++repeated.since;
  if (!is_new && loop_.now() - repeated.last_line < defaults::kDialQuiet) return std::nullopt;
  repeated.last_line = loop_.now();
  return std::exchange(repeated.since, 0);
}

void Journal::refused_handshake(const Fault& fault) {
  if (paused_) return;
  const auto now = std::chrono::system_clock::now();
  denials_.count({"", own_service_, "tls", "", "handshake"}, now);
  ++version_;
  note_now_and_then(handshakes_, "inner door refused a peer: " + fault.message);
}

void Journal::failed_handshake(std::string_view client, const Fault& fault) {
  note_now_and_then(handshakes_, fmt::format("TLS with {} failed: {}", client, fault.message));
}

void Journal::flooded(std::string_view peer, const Fault& fault) {
  note_now_and_then(floods_, fmt::format("a connection of {} was ended for a flood: {}", peer, fault.message));
}

void Journal::note_now_and_then(Quiet& kind, const std::string& text) {
  ++kind.unsaid;
  if (paused_ || loop_.now() - kind.last_line < defaults::kDialQuiet) return;
  kind.last_line = loop_.now();
  const std::uint64_t others = std::exchange(kind.unsaid, 0) - 1;
  note(others == 0 ? text : fmt::format("{} ({} others since the last such line)", text, others));
}

void Journal::note(std::string_view text) {
  if (!records_) return;
  write({{"type", "note"}, {"time_us", telemetry::unix_micros(std::chrono::system_clock::now())}, {"text", text}});
}

void Journal::write_counts() {
  if (!records_ || version_ == std::exchange(version_written_, version_)) return;
  nlohmann::json line = stats();
  line["type"] = "counts";
  line["time_us"] = telemetry::unix_micros(std::chrono::system_clock::now());
  line["since_us"] = telemetry::unix_micros(since_);
  write(line);
}

void Journal::write(const nlohmann::json& line) {
  records_->append(line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

nlohmann::json Journal::stats() const {
  return {{"edges", edges_.to_json()}, {"denied", denials_.to_json()}, {"learned", learned_.to_json()}};
}

std::size_t Journal::draw(std::size_t bound) const {
  std::array<std::uint8_t, 4> bytes{};
  random_(bytes);
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8U | byte;
  // Without modulo: the high half of a 64-bit product.
  return static_cast<std::size_t>((std::uint64_t{value} * bound) >> 32U);
}

void Journal::hide_secrets(const std::vector<std::string>& texts) {
  if (!records_ || texts == hidden_) return;
  auto marks = telemetry::SecretMarks::from_texts(texts);
  if (!marks) return;  // no snapshot has such
  hidden_ = texts;
  records_->hide(texts.empty() ? nullptr : std::make_shared<const telemetry::SecretMarks>(std::move(*marks)));
}

void Journal::flush() {
  if (!records_) return;
  write_counts();
  records_->flush();
}

}  // namespace bulkhead::proxy
