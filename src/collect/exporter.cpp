#include "collect/exporter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "base/fd.hpp"
#include "base/json.hpp"
#include "collect/clock.hpp"
#include "proxy/whole_answer.hpp"

namespace bulkhead::collect {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto kLook = 1s;           // when there was nothing more to send
constexpr auto kMetricsEvery = 15s;  // as a Prometheus would ask
constexpr auto kAnswerWithin = 30s;
constexpr net::Duration kFirstBackoff = 1s;
constexpr net::Duration kMostBackoff = 60s;
constexpr net::Duration kMostWait = 300s;  // that a backend may ask for
constexpr std::size_t kMostReply = 64U << 10U;
constexpr std::size_t kMostState = 4096;

std::string_view name_of(Exported exported) {
  switch (exported) {
    case Exported::traces: return "traces";
    case Exported::logs: return "logs";
    case Exported::metrics: break;
  }
  return "metrics";
}

std::string file_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

Result<std::string> gzip(std::string_view text) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  constexpr int kMemory = 8;
  if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    return fail(Cause::exhausted, "no memory to compress");
  const std::unique_ptr<z_stream, decltype(&::deflateEnd)> end(&stream, &::deflateEnd);
  std::string out(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (::deflate(&stream, Z_FINISH) != Z_STREAM_END) return fail(Cause::internal, "compressing failed");
  out.resize(stream.total_out);
  return out;
}

// Retry-After in seconds (RFC 9110 §10.2.3); a date is not looked at.
std::optional<net::Duration> wait_of(const http::Response& response) {
  const std::string text = response.fields.joined("retry-after", ",");
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::min<net::Duration>(std::chrono::seconds(seconds), kMostWait);
}

// OTLP/HTTP, "Retryable Response Codes". Anything else would come again for the same batch, and hold up what is behind
// it.
bool may_pass(int status) { return status == 0 || status == 429 || status == 502 || status == 503 || status == 504; }

}  // namespace

Result<WindowReader*> ExportReader::open(const WindowInfo& window) {
  if (window_ && path_ == window.path) return &*window_;
  window_.reset();
  auto opened = WindowReader::open(window.path);
  if (!opened) return fail(std::move(opened.error()));
  path_ = window.path;
  return &window_.emplace(std::move(*opened));
}

Result<ExportBatch> ExportReader::next(const Store& store, Exported signal, const std::optional<ExportCursor>& cursor,
                                       const std::string& app, const std::string& gateway) {
  const bool traces = signal == Exported::traces;
  const char* const table = traces ? "spans" : "logs";
  const std::vector<WindowInfo> windows = store.windows();
  ExportBatch batch;
  batch.next = cursor;
  if (windows.empty()) return batch;
  // A window that is not there yet is one of a store that was put away.
  const std::string newest = file_name(windows.back().path);
  if (!cursor || cursor->window > newest) batch.next = ExportCursor{newest, 0};
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::string name = file_name(windows[i].path);
    if (name < batch.next->window) continue;
    if (name > batch.next->window) {
      // The one before was read to its end if it is still there; else it was dropped first.
      const bool dropped = i == 0 || file_name(windows[i - 1].path) < batch.next->window;
      if (dropped) ++batch.skipped;
      batch.next = ExportCursor{name, 0};
    }
    const auto window = open(windows[i]);
    if (!window) {
      // Dropped between the two looks, or unreadable: the others go on.
      ++batch.skipped;
      if (i + 1 == windows.size()) return fail(window.error());
      continue;
    }
    const auto statement = (*window)->statement(fmt::format("SELECT {} FROM {} WHERE rowid > ? ORDER BY rowid LIMIT ?",
                                                            traces ? kExportedSpan : kExportedLog, table));
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    select.bind(1, batch.next->row);
    select.bind(2, static_cast<std::int64_t>(kMostItems));
    OtlpRequest request(app);
    Result<bool> row = select.step();
    for (; row && *row && request.size() < kMostOctets; row = select.step()) {
      if (traces)
        add_span(request, **window, select, gateway);
      else
        add_log(request, **window, select, gateway);
      batch.next->row = select.integer(0);
      batch.last_us = select.integer(traces ? 4 : 1);
    }
    select.reset();
    if (!row) return fail(row.error());
    if (request.items() == 0) continue;  // to its end: the next one
    batch.items = request.items();
    batch.message = request.finish();
    return batch;
  }
  return batch;
}

Exporter::Exporter(net::Loop& loop, std::string file, Sources sources, proxy::Resolver::Lookup lookup)
    : loop_(loop),
      file_(std::move(file)),
      sources_(std::move(sources)),
      lookup_(std::move(lookup)),
      since_ms_(unix_millis()),
      wake_(loop),
      worker_(loop) {
  for (const Exported each : {Exported::traces, Exported::logs, Exported::metrics}) signals_[each] = {};
  load();
}

void Exporter::load() {
  const auto text = read_file(file_, kMostState);
  const auto state = text ? read_json(*text) : Result<json>(std::unexpect, text.error());
  if (!state || !state->is_object()) return;
  for (auto& [exported, signal] : signals_) {
    const auto kept = state->find(name_of(exported));
    if (kept == state->end() || !kept->is_object()) continue;
    try {
      signal.cursor = {kept->value("window", ""), kept->value("row", std::int64_t{0})};
    } catch (const json::exception&) {
      signal.cursor.reset();
    }
  }
}

net::Task<> Exporter::save() {
  json state = json::object();
  for (const auto& [exported, signal] : signals_)
    if (signal.cursor) state[name_of(exported)] = {{"window", signal.cursor->window}, {"row", signal.cursor->row}};
  auto written =
      co_await worker_.ask([file = file_, text = state.dump() + "\n"] { return write_file_atomically(file, text); });
  if (written && !*written)
    sources_.trouble(fmt::format("how far the export came is not written down: {}", written->error().message));
}

void Exporter::set(std::optional<ExportSettings> settings) {
  if (told_ && settings == settings_) return;
  told_ = true;
  settings_ = std::move(settings);
  backoff_ = {};
  wake_.notify_all();
}

void Exporter::stop() {
  stopping_ = true;
  wake_.notify_all();
  // Nobody waits for a backend that takes its time: what it does not answer is sent again.
  if (outside_) outside_->pool().close_all_if([](std::string_view) { return true; });
}

net::Task<> Exporter::pause(net::Duration duration) {
  const auto woken = co_await wake_.wait(loop_.in(duration));
  static_cast<void>(woken);
}

net::Task<> Exporter::run() {
  while (!stopping_) {
    if (!told_) {
      co_await pause(kLook);
      continue;
    }
    const bool changed = (used_ != nullptr) != settings_.has_value() || (used_ && *used_ != *settings_);
    if (changed) {
      if (outside_) co_await outside_->close();
      outside_.reset();
      used_ = settings_ ? std::make_shared<const ExportSettings>(*settings_) : nullptr;
      for (auto& [exported, signal] : signals_) signal.failing.clear();
      sources_.failing("");
      if (used_) outside_ = std::make_unique<proxy::Outside>(loop_, proxy::OutsideOptions{lookup_, used_->anchors_pem});
      continue;
    }
    if (!used_) {
      for (auto& [exported, signal] : signals_) signal.cursor.reset();
      std::error_code error;
      std::filesystem::remove(file_, error);
      co_await pause(kLook * 60);
      continue;
    }
    bool more = false;
    if (used_->traces && co_await send_next(Exported::traces)) more = true;
    if (used_->logs && !stopping_ && backoff_ == 0s && co_await send_next(Exported::logs)) more = true;
    if (used_->metrics && !stopping_ && backoff_ == 0s && loop_.now() >= metrics_at_) co_await send_metrics();
    if (stopping_) break;
    if (backoff_ > 0s) {
      co_await pause(backoff_);
    } else if (!more) {
      co_await pause(kLook);
    }
  }
  if (outside_) co_await outside_->close();
}

// True: there may be more.
net::Task<bool> Exporter::send_next(Exported exported) {
  const auto store = sources_.store();
  if (!store) co_return false;
  Signal& signal = signals_.at(exported);
  auto read = co_await worker_.ask(
      [reader = signal.reader.get(), store, exported, cursor = signal.cursor, app = used_->app,
       gateway = sources_.gateway()] { return reader->next(*store, exported, cursor, app, gateway); });
  if (!read || stopping_) co_return false;
  if (!*read) {
    report(exported, fmt::format("the store: {}", read->error().message));
    co_return false;
  }
  ExportBatch& batch = **read;
  signal.skipped += batch.skipped;
  const bool moved = signal.cursor != batch.next;
  if (batch.message.empty()) {
    signal.cursor = batch.next;
    signal.behind_ms = 0;
    if (moved) co_await save();
    co_return false;
  }
  signal.behind_ms = std::max<std::int64_t>(unix_millis() - batch.last_us / 1000, 0);
  const bool taken = co_await deliver(exported, std::move(batch.message), batch.items);
  if (!taken) co_return false;
  signal.cursor = batch.next;
  co_await save();
  co_return true;
}

net::Task<> Exporter::send_metrics() {
  const net::SteadyTime until = loop_.now();
  metrics_at_ = until + kMetricsEvery;
  const std::vector<Family> families = sources_.metrics();
  std::size_t points = 0;
  for (const Family& family : families) points += family.samples.size() + family.histograms.size();
  // Messages of one kind, one behind the other, are one that has all of theirs.
  std::string message = metrics_request(families, used_->app, since_ms_, unix_millis()) +
                        sources_.program_metrics(used_->app, told_until_);
  const bool taken = co_await deliver(Exported::metrics, std::move(message), points);
  if (taken) told_until_ = until;  // else the next time says what this one did: sums only grow
}

// False: it is to be tried again. What a backend refuses for good is given up.
net::Task<bool> Exporter::deliver(Exported exported, std::string message, std::size_t items) {
  const std::string place = fmt::format("/v1/{}", name_of(exported));
  const Reply reply = co_await post(used_->path + place, std::move(message));
  if (stopping_) co_return false;
  Signal& signal = signals_.at(exported);
  if (may_pass(reply.status)) {
    backoff_ = std::clamp(backoff_ * 2, kFirstBackoff, kMostBackoff);
    if (reply.wait) backoff_ = std::max(backoff_, *reply.wait);
    report(exported, reply.status == 0 ? reply.text : fmt::format("{} is answered {}", place, reply.status));
    co_return false;
  }
  backoff_ = {};
  if (reply.status / 100 != 2) {
    signal.refused += items;
    report(exported, fmt::format("{} is answered {}: what was refused is not sent again", place, reply.status));
    co_return true;
  }
  const PartialSuccess said = read_partial_success(reply.text);
  const std::uint64_t refused = std::min<std::uint64_t>(said.refused, items);
  signal.refused += refused;
  signal.sent += items - refused;
  report(exported, refused == 0 ? "" : fmt::format("{} is taken in part: {}", place, said.why));
  co_return true;
}

std::string Exporter::failing() const {
  for (const auto& [exported, signal] : signals_)
    if (used_ && !signal.failing.empty()) return fmt::format("{}: {}", used_->url, signal.failing);
  return "";
}

void Exporter::report(Exported exported, const std::string& what) {
  Signal& signal = signals_.at(exported);
  if (signal.failing == what) return;
  if (signal.failing.empty()) signal.failing_since_ms = unix_millis();
  signal.failing = what;
  sources_.trouble(
      fmt::format("export of {} to {}: {}", name_of(exported), used_->url, what.empty() ? "works again" : what));
  sources_.failing(failing());
}

bool Exporter::is_wanted(Exported exported) const {
  switch (exported) {
    case Exported::traces: return used_->traces;
    case Exported::logs: return used_->logs;
    case Exported::metrics: break;
  }
  return used_->metrics;
}

net::Task<Exporter::Reply> Exporter::post(const std::string& target, std::string body) {
  auto packed = co_await worker_.ask([body = std::move(body)] { return gzip(body); });
  if (!packed) co_return Reply{.status = 0, .text = "it was stopped", .wait = {}};
  if (!*packed) co_return Reply{.status = 0, .text = packed->error().message, .wait = {}};
  auto reply = co_await ask(target, **packed, loop_.in(kAnswerWithin));
  if (!reply) co_return Reply{.status = 0, .text = reply.error().message, .wait = {}};
  co_return std::move(*reply);
}

net::Task<Result<Exporter::Reply>> Exporter::ask(const std::string& target, const std::string& body,
                                                 net::Deadline deadline) {
  const auto settings = used_;
  proxy::Visit visit;
  proxy::OutsideDestination destination(*outside_, settings->egress);
  auto exchange = co_await destination.next(visit, deadline);
  if (!exchange) co_return fail(Cause::unreachable, "{}", exchange.error().detail);
  http::Request request;
  request.method = "POST";
  request.authority = settings->authority;
  request.target = target;
  request.body = true;
  request.content_length = body.size();
  request.fields.add("content-type", "application/x-protobuf");
  request.fields.add("content-encoding", "gzip");
  request.fields.add("user-agent", "bulkhead");
  for (const auto& [name, value] : settings->headers) request.fields.add(name, value);
  if (auto sent = co_await (*exchange)->send_head(request, false, deadline); !sent)
    co_return fail(std::move(sent.error()));
  if (auto sent = co_await (*exchange)->send_body(body, true, deadline); !sent) co_return fail(std::move(sent.error()));
  const auto head = co_await proxy::read_final_head(**exchange, deadline);
  if (!head) co_return fail(head.error());
  Reply reply{.status = head->status, .text = {}, .wait = wait_of(*head)};
  const bool protobuf = head->fields.joined("content-type", ",").starts_with("application/x-protobuf");
  auto text = co_await proxy::read_whole_body(**exchange, *head, kMostReply, deadline);
  if (!text) co_return fail(std::move(text.error()));
  reply.text = std::move(*text);
  if (!protobuf) reply.text.clear();
  co_return reply;
}

json Exporter::state() const {
  json signals = json::object();
  if (!used_) return {{"url", nullptr}, {"signals", std::move(signals)}};
  for (const auto& [exported, signal] : signals_) {
    if (!is_wanted(exported)) continue;
    json shown = {{"sent", signal.sent}, {"refused", signal.refused}};
    if (exported != Exported::metrics) {
      shown["stretches_missed"] = signal.skipped;
      shown["behind_ms"] = signal.behind_ms;
    }
    if (!signal.failing.empty()) shown["failing"] = {{"since_ms", signal.failing_since_ms}, {"what", signal.failing}};
    signals[name_of(exported)] = std::move(shown);
  }
  return {{"url", used_->url}, {"signals", std::move(signals)}};
}

void Exporter::add_families(std::vector<Family>& into) const {
  if (!used_) return;
  Family sent{.name = "bulkhead_export_sent_total", .help = "Spans, log records and data points that a backend took."};
  Family refused{.name = "bulkhead_export_refused_total", .help = "Those that it refused for good."};
  Family behind{.name = "bulkhead_export_behind_seconds",
                .kind = Family::Kind::gauge,
                .help = "How old the newest is that it was sent, while there is more.",
                .micros = true};
  for (const auto& [exported, signal] : signals_) {
    if (!is_wanted(exported)) continue;
    const Labels labels{{"signal", std::string(name_of(exported))}};
    sent.samples.push_back({labels, static_cast<std::int64_t>(signal.sent)});
    refused.samples.push_back({labels, static_cast<std::int64_t>(signal.refused)});
    if (exported != Exported::metrics) behind.samples.push_back({labels, signal.behind_ms * 1000});
  }
  for (Family* family : {&sent, &refused, &behind}) into.push_back(std::move(*family));
}

}  // namespace bulkhead::collect
