#include "collect/window.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "collect/blocks.hpp"

namespace bulkhead::collect {

namespace {

// A row of spans and of logs keeps its number, by which who exports them remembers how far it came. Files of before
// have no such column, and rows of them keep theirs too, as long as nothing is thinned out.
constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS names(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS spans(id INTEGER PRIMARY KEY, trace BLOB, span INTEGER, parent INTEGER, start INTEGER, us INTEGER, hop INTEGER,
    caller INTEGER, callee INTEGER, instance INTEGER, port INTEGER, protocol INTEGER, method INTEGER, path TEXT,
    status INTEGER, grpc INTEGER, cause INTEGER, fell_back INTEGER, attempts INTEGER, sent INTEGER, received INTEGER,
    user TEXT, request TEXT, failed INTEGER, extra TEXT);
  CREATE INDEX IF NOT EXISTS spans_by_trace ON spans(trace);
  CREATE TABLE IF NOT EXISTS decisions(at INTEGER, kind TEXT, subject TEXT, object TEXT, owner TEXT, action TEXT,
    verdict TEXT, rule TEXT, rule_at TEXT, reason TEXT, allow TEXT, hop TEXT, user TEXT, request TEXT, trace BLOB,
    count INTEGER);
  CREATE TABLE IF NOT EXISTS logs(id INTEGER PRIMARY KEY, at INTEGER, service INTEGER, instance INTEGER, stream INTEGER, text TEXT,
    severity INTEGER, trace BLOB, span INTEGER);
  CREATE INDEX IF NOT EXISTS logs_by_trace ON logs(trace) WHERE trace IS NOT NULL;
  CREATE TABLE IF NOT EXISTS flows(at INTEGER, caller_side INTEGER, caller INTEGER, callee INTEGER, port INTEGER,
    requests INTEGER, errors INTEGER, sent INTEGER, received INTEGER, c0 INTEGER, c1 INTEGER, c2 INTEGER, c3 INTEGER,
    c4 INTEGER, c5 INTEGER, latency TEXT);
  CREATE TABLE IF NOT EXISTS attempts(at INTEGER, caller INTEGER, callee INTEGER, method TEXT, path TEXT, reason INTEGER,
    count INTEGER);
  CREATE TABLE IF NOT EXISTS joins(child BLOB, child_span INTEGER, parent BLOB, parent_span INTEGER, percent INTEGER);
  CREATE INDEX IF NOT EXISTS joins_by_child ON joins(child);
  CREATE INDEX IF NOT EXISTS joins_by_parent ON joins(parent);
  CREATE TABLE IF NOT EXISTS losses(at INTEGER, source TEXT, lines INTEGER, why TEXT);
  CREATE TABLE IF NOT EXISTS notes(at INTEGER, source TEXT, text TEXT);
  CREATE TABLE IF NOT EXISTS positions(source TEXT PRIMARY KEY, inode INTEGER, offset INTEGER, lines INTEGER, state TEXT);
  CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value INTEGER);
)";

constexpr const char* kIndexes = R"(
  CREATE INDEX IF NOT EXISTS spans_by_start ON spans(start);
  CREATE INDEX IF NOT EXISTS spans_by_callee ON spans(callee, start);
  CREATE INDEX IF NOT EXISTS spans_by_request ON spans(request) WHERE request IS NOT NULL;
  CREATE INDEX IF NOT EXISTS decisions_by_trace ON decisions(trace) WHERE trace IS NOT NULL;
  CREATE INDEX IF NOT EXISTS logs_by_service ON logs(service, at);
)";

std::span<const std::uint8_t> octets(const telemetry::TraceId& id) { return {id.data(), id.size()}; }
bool is_set(const telemetry::TraceId& id) {
  return std::ranges::any_of(id, [](std::uint8_t octet) { return octet != 0; });
}

// What few hops have has no columns of its own: JSON, or "".
std::string more_of(const SpanRow& row) {
  if (row.detail.empty() && row.rule.empty() && row.no_retry.empty() && row.queued_us == 0 && row.injected_us == 0)
    return "";
  nlohmann::json more = nlohmann::json::object();
  const std::pair<const char*, std::string_view> texts[] = {
      {"detail", row.detail}, {"rule", row.rule}, {"no_retry", row.no_retry}};
  for (const auto& [name, text] : texts)
    if (!text.empty()) more[name] = text;
  if (row.queued_us > 0) more["queued_us"] = row.queued_us;
  if (row.injected_us > 0) more["injected_us"] = row.injected_us;
  return more.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Result<Window> Window::open(const std::string& path) {
  Window window;
  window.path_ = path;
  auto database = Database::open(path, Database::Mode::write);
  if (!database) return fail(std::move(database.error()));
  window.database_ = std::move(*database);
  if (auto made = window.database_.run(kSchema); !made) return fail(within(path, std::move(made.error())));
  if (auto prepared = window.prepare(); !prepared) return fail(within(path, std::move(prepared.error())));
  if (auto loaded = window.load(); !loaded) return fail(within(path, std::move(loaded.error())));
  return window;
}

Result<> Window::prepare() {
  const std::pair<Statement*, const char*> all[] = {
      {&add_name_, "INSERT INTO names VALUES(?,?)"},
      {&add_span_,
       "INSERT INTO spans(trace,span,parent,start,us,hop,caller,callee,instance,port,protocol,method,path,status,grpc,"
       "cause,fell_back,attempts,sent,received,user,request,failed,extra) "
       "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&add_decision_, "INSERT INTO decisions VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&add_log_, "INSERT INTO logs(at,service,instance,stream,text,severity,trace,span) VALUES(?,?,?,?,?,?,?,?)"},
      {&add_flow_, "INSERT INTO flows VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&add_attempt_, "INSERT INTO attempts VALUES(?,?,?,?,?,?,?)"},
      {&add_join_, "INSERT INTO joins VALUES(?,?,?,?,?)"},
      {&add_loss_, "INSERT INTO losses VALUES(?,?,?,?)"},
      {&add_note_, "INSERT INTO notes VALUES(?,?,?)"},
      {&put_position_, "INSERT OR REPLACE INTO positions VALUES(?,?,?,?,?)"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return fail(std::move(prepared.error()));
    *statement = std::move(*prepared);
  }
  return {};
}

Result<> Window::load() {
  auto names = database_.prepare("SELECT id, name FROM names");
  if (!names) return fail(std::move(names.error()));
  for (;;) {
    const auto row = names->step();
    if (!row) return fail(row.error());
    if (!*row) break;
    names_.emplace(names->text(1), names->integer(0));
  }
  const auto spans = database_.ask("SELECT count(*) FROM spans");
  if (!spans) return fail(spans.error());
  spans_ = static_cast<std::uint64_t>(*spans);
  const auto first = database_.ask("SELECT value FROM facts WHERE name = 'first_ms'");
  if (!first) return fail(first.error());
  first_ms_ = *first;
  return {};
}

Result<Positions> Window::positions() {
  auto rows = database_.prepare("SELECT source, inode, offset, lines, state FROM positions");
  if (!rows) return fail(std::move(rows.error()));
  Positions positions;
  for (;;) {
    const auto row = rows->step();
    if (!row) return fail(row.error());
    if (!*row) return positions;
    positions[std::string(rows->text(0))] = {static_cast<std::uint64_t>(rows->integer(1)),
                                             static_cast<std::uint64_t>(rows->integer(2)),
                                             static_cast<std::uint64_t>(rows->integer(3)), std::string(rows->text(4))};
  }
}

Result<std::int64_t> Window::number(std::string_view name) {
  if (name.empty()) return 0;
  if (const auto known = names_.find(name); known != names_.end()) return known->second;
  const auto next = static_cast<std::int64_t>(names_.size()) + 1;
  add_name_.bind(1, next);
  add_name_.bind(2, name);
  if (auto added = add_name_.run(); !added) return fail(std::move(added.error()));
  names_.emplace(name, next);
  uncommitted_.emplace_back(name);
  return next;
}

Result<> Window::begin() {
  uncommitted_.clear();
  spans_uncommitted_ = 0;
  return database_.run("BEGIN IMMEDIATE");
}

Result<> Window::add(const SpanRow& row) {
  const std::string_view names[] = {row.hop,      row.caller, row.callee, row.instance,
                                    row.protocol, row.method, row.cause,  row.fell_back};
  std::int64_t numbers[std::size(names)] = {};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    const auto numbered = number(names[i]);
    if (!numbered) return fail(numbered.error());
    numbers[i] = *numbered;
  }
  Statement& add = add_span_;
  add.bind(1, octets(row.trace));
  add.bind(2, static_cast<std::int64_t>(row.span));
  add.bind(3, static_cast<std::int64_t>(row.parent));
  add.bind(4, row.start_us);
  add.bind(5, row.us);
  for (int i = 0; i < 4; ++i) add.bind(6 + i, numbers[i]);
  add.bind(10, row.port);
  add.bind(11, numbers[4]);
  add.bind(12, numbers[5]);
  add.bind(13, row.path);
  add.bind(14, row.status);
  add.bind(15, row.grpc_status);
  add.bind(16, numbers[6]);
  add.bind(17, numbers[7]);
  add.bind(18, row.attempts);
  add.bind(19, row.sent);
  add.bind(20, row.received);
  add.bind(21, row.user);
  add.bind(22, row.request_id);
  add.bind(23, static_cast<std::int64_t>(row.failed()));
  const std::string more = row.extra.empty() ? more_of(row) : "";
  add.bind(24, row.extra.empty() ? std::string_view(more) : row.extra);
  ++spans_uncommitted_;
  return add.run();
}

Result<> Window::add(const DecisionRow& row) {
  Statement& add = add_decision_;
  add.bind(1, row.at_us);
  const std::string_view texts[] = {row.kind,    row.subject, row.object,    row.owner,  row.action,
                                    row.verdict, row.rule,    row.rule_at,   row.reason, row.allow,
                                    row.hop,     row.user,    row.request_id};
  int parameter = 2;
  for (const std::string_view text : texts) add.bind(parameter++, text);
  if (is_set(row.trace)) {
    add.bind(15, octets(row.trace));
  } else {
    add.bind_null(15);
  }
  add.bind(16, row.count);
  return add.run();
}

Result<> Window::add(const LogRow& row) {
  const std::string_view names[] = {row.service, row.instance, row.stream, row.severity};
  std::int64_t numbers[std::size(names)] = {};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    const auto numbered = number(names[i]);
    if (!numbered) return fail(numbered.error());
    numbers[i] = *numbered;
  }
  Statement& add = add_log_;
  add.bind(1, row.at_us);
  for (int i = 0; i < 3; ++i) add.bind(2 + i, numbers[i]);
  add.bind(5, row.text);
  add.bind(6, numbers[3]);
  if (is_set(row.trace)) {
    add.bind(7, octets(row.trace));
  } else {
    add.bind_null(7);
  }
  add.bind(8, static_cast<std::int64_t>(row.span));
  return add.run();
}

Result<> Window::add(const FlowRow& row) {
  const auto caller = number(row.caller);
  if (!caller) return fail(caller.error());
  const auto callee = number(row.callee);
  if (!callee) return fail(callee.error());
  const std::int64_t values[] = {row.at_ms,      static_cast<std::int64_t>(row.caller_side),
                                 *caller,        *callee,
                                 row.port,       row.requests,
                                 row.errors,     row.sent,
                                 row.received,   row.classes[0],
                                 row.classes[1], row.classes[2],
                                 row.classes[3], row.classes[4],
                                 row.classes[5]};
  int parameter = 1;
  for (const std::int64_t value : values) add_flow_.bind(parameter++, value);
  add_flow_.bind(parameter, row.latency);
  return add_flow_.run();
}

Result<> Window::add(const AttemptRow& row) {
  const std::string_view names[] = {row.caller, row.callee, row.reason};
  std::int64_t numbers[std::size(names)] = {};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    const auto numbered = number(names[i]);
    if (!numbered) return fail(numbered.error());
    numbers[i] = *numbered;
  }
  add_attempt_.bind(1, row.at_ms);
  add_attempt_.bind(2, numbers[0]);
  add_attempt_.bind(3, numbers[1]);
  add_attempt_.bind(4, row.method);
  add_attempt_.bind(5, row.path);
  add_attempt_.bind(6, numbers[2]);
  add_attempt_.bind(7, row.count);
  return add_attempt_.run();
}

Result<> Window::add(const TraceJoin& join) {
  add_join_.bind(1, octets(join.child));
  add_join_.bind(2, static_cast<std::int64_t>(join.child_span));
  add_join_.bind(3, octets(join.parent));
  add_join_.bind(4, static_cast<std::int64_t>(join.parent_span));
  add_join_.bind(5, static_cast<std::int64_t>(join.confidence * 100));
  return add_join_.run();
}

Result<> Window::add_loss(std::int64_t at_ms, std::string_view source, std::uint64_t lines, std::string_view why) {
  add_loss_.bind(1, at_ms);
  add_loss_.bind(2, source);
  add_loss_.bind(3, static_cast<std::int64_t>(lines));
  add_loss_.bind(4, why);
  return add_loss_.run();
}

Result<> Window::add_note(std::int64_t at_us, std::string_view source, std::string_view text) {
  add_note_.bind(1, at_us);
  add_note_.bind(2, source);
  add_note_.bind(3, text);
  return add_note_.run();
}

Result<> Window::set_position(const std::string& source, const Position& position) {
  put_position_.bind(1, source);
  put_position_.bind(2, static_cast<std::int64_t>(position.inode));
  put_position_.bind(3, static_cast<std::int64_t>(position.offset));
  put_position_.bind(4, static_cast<std::int64_t>(position.lines));
  put_position_.bind(5, position.state);
  return put_position_.run();
}

Result<> Window::commit(std::int64_t now_ms) {
  if (first_ms_ == 0) {
    first_ms_ = now_ms;
    if (auto set = database_.run(fmt::format("INSERT OR REPLACE INTO facts VALUES('first_ms',{})", now_ms)); !set)
      return set;
  }
  if (auto committed = database_.run("COMMIT"); !committed) return committed;
  spans_ += spans_uncommitted_;
  uncommitted_.clear();
  return {};
}

void Window::roll_back() {
  const auto rolled = database_.run("ROLLBACK");
  static_cast<void>(rolled);  // where the failure has done it already
  for (const std::string& name : uncommitted_) names_.erase(name);
  uncommitted_.clear();
}

Result<> seal(const std::string& path, std::uint64_t most, std::int64_t slow_us) {
  auto database = Database::open(path, Database::Mode::write);
  if (!database) return fail(std::move(database.error()));
  const auto spans = database->ask("SELECT count(*) FROM spans");
  if (!spans) return fail(spans.error());
  const auto count = static_cast<std::uint64_t>(*spans);
  if (count > most) {
    // A trace's last octet is random (W3C trace context, level 2): it goes or stays as one, in every window alike.
    const std::uint64_t share = most * 256 / count;
    auto thinned = database->run(fmt::format(R"(
      BEGIN;
      CREATE TEMP TABLE kept AS SELECT DISTINCT trace FROM spans WHERE failed OR us >= {}
        UNION SELECT trace FROM decisions WHERE trace IS NOT NULL;
      CREATE INDEX temp.kept_by_trace ON kept(trace);
      DELETE FROM spans WHERE substr(trace,16,1) >= X'{:02x}' AND trace NOT IN (SELECT trace FROM kept);
      INSERT OR REPLACE INTO facts SELECT 'thinned', {} - count(*) FROM spans;
      COMMIT;
      VACUUM;)",
                                             slow_us, std::min<std::uint64_t>(share, 255), count));
    if (!thinned) return thinned;
  }
  if (auto begun = database->run("BEGIN"); !begun) return begun;
  if (auto written = write_blocks(*database); !written) return written;
  return database->run(std::string(kIndexes) +
                       "INSERT OR REPLACE INTO facts VALUES('sealed',1); COMMIT;"
                       "ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);");
}

}  // namespace bulkhead::collect
