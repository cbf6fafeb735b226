// traces, trace, edges, metrics, console: what the collector has seen.

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "cli/collector.hpp"
#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "collect/client.hpp"
#include "collect/question.hpp"
#include "control/client.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

std::expected<json, int> ask_by_controller(const control::Places& places, const std::string& method,
                                           const std::string& target) {
  auto reply = control::ask(places, {{"verb", "collector"}, {"method", method}, {"target", target}});
  if (!reply) {
    complain(reply.error());
    return std::unexpected(kFailed);
  }
  const int status = reply->value("status", 0);
  json answer = std::move((*reply)["answer"]);
  if (status == 200) return answer;
  complain(answer.value("detail", fmt::format("the collector answered {}", status)));
  return std::unexpected(status == 400 ? kUsage : kFailed);
}

}  // namespace

std::expected<json, int> ask_collector(const Context& context, const std::string& method, const std::string& target) {
  const auto places = open_places(context);
  if (!places) return std::unexpected(places.error());
  // Its socket is the launcher's alone; who has a role asks by the controller.
  const std::string control = control::socket_to_reach(*places);
  if (!control.empty() && control != places->control_socket()) return ask_by_controller(*places, method, target);
  auto answer = collect::ask_collector(places->collector_socket(), method, target);
  if (answer) return std::move(*answer);
  if (answer.error().cause == Cause::unreachable) {
    if (control.empty()) return std::unexpected(not_running(context));
    return std::unexpected(
        complain("the collector is not there right now; it is started again by itself: bulkhead status"));
  }
  complain(answer.error());
  return std::unexpected(answer.error().cause == Cause::invalid ? kUsage : kFailed);
}

Query& Query::add(std::string_view name, const std::string& value) {
  if (!value.empty()) text_ += fmt::format("{}{}={}", text_.empty() ? "?" : "&", name, collect::encode_query(value));
  return *this;
}

std::string local_time(std::int64_t micros, const char* format) {
  const std::time_t seconds = micros / 1'000'000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

void say_window(const json& answer) {
  const json& window = answer["window"];
  std::int64_t from = window.value("from_ms", std::int64_t{0});
  const std::int64_t oldest = window.value("oldest_ms", std::int64_t{0});
  from = std::max(from, oldest);
  say(tinted(fmt::format("from {} to {}", local_time(from * 1000, "%d %b %H:%M:%S"),
                         local_time(window.value("to_ms", std::int64_t{0}) * 1000, "%d %b %H:%M:%S")),
             Tone::dim));
  for (const json& each : window.value("not_seen", json::array()))
    say(tinted("not seen: " + each.get<std::string>(), Tone::yellow));
}

namespace {

std::string time_of_day(std::int64_t micros) {
  return fmt::format("{}.{:03}", local_time(micros, "%H:%M:%S"), micros / 1000 % 1000);
}

std::string outcome_of(const json& span) {
  if (span.value("grpc_status", 0) > 0) return fmt::format("gRPC {}", span["grpc_status"].get<int>());
  const int status = span.value("status", 0);
  return status == 0 ? span.contains("cause") ? "failed" : "-" : fmt::format("{}", status);
}

Tone tone_of(const json& span) {
  const int status = span.value("status", 0);
  if (status >= 500 || span.value("grpc_status", 0) > 0 || (span.contains("cause") && status == 0)) return Tone::red;
  return status >= 400 ? Tone::yellow : Tone::plain;
}

std::string what_of(const json& span) {
  if (span.contains("name")) return span["name"].get<std::string>();
  const std::string method = span.value("method", ""), path = span.value("path", "");
  return method.empty() && path.empty() ? span.value("protocol", "") : method + " " + path;
}

void print_spans(const json& spans, const std::multimap<std::string, const json*>& children, const std::string& parent,
                 int depth, std::int64_t start, std::vector<std::vector<Cell>>& rows) {
  const auto [begin, end] = children.equal_range(parent);
  for (auto it = begin; it != end; ++it) {
    const json& span = *it->second;
    std::string notes;
    const auto note = [&](const std::string& text) { notes += (notes.empty() ? "" : ", ") + text; };
    if (span.value("attempts", 1) > 1) note(fmt::format("{} attempts", span["attempts"].get<int>()));
    if (span.contains("cause")) note(span["cause"].get<std::string>());
    if (span.contains("fell_back")) note("fell back: " + span["fell_back"].get<std::string>());
    if (span.contains("inferred"))
      note(fmt::format("inferred, {:.0f} %", span["inferred"].value("confidence", 0.0) * 100));
    const std::string hop = span.value("kind", "") == "program" ? "program" : span.value("hop", "");
    rows.push_back(
        {{fmt::format("{}{}", std::string(static_cast<std::size_t>(depth) * 2, ' '), span.value("service", ""))},
         {hop, Tone::dim},
         {what_of(span)},
         {span.value("instance", ""), Tone::dim},
         {outcome_of(span), tone_of(span), true},
         {"+" + duration_text(span["start_us"].get<std::int64_t>() - start), Tone::dim, true},
         {duration_text(span["duration_us"].get<std::int64_t>()), Tone::plain, true},
         {notes, Tone::yellow}});
    print_spans(spans, children, span["id"].get<std::string>(), depth + 1, start, rows);
  }
}

}  // namespace

int traces(const Context& context, const TracesOptions& options) {
  Query query;
  query.add("from", options.since).add("service", options.service).add("route", options.route).add("q", options.text);
  if (!options.min.empty()) {
    const auto least = collect::read_duration_ms(options.min);
    if (!least) return complain(within("--min", least.error())), kUsage;
    query.add("min_ms", fmt::format("{}", *least));
  }
  query.add_if(options.error, "error").add_if(options.denied, "denied");
  query.add("limit", fmt::format("{}", options.limit));
  const auto answer = ask_collector(context, "GET", "/api/v1/traces" + query.text());
  if (!answer) return answer.error();
  if (context.json) return say(answer->dump(2)), kDone;
  std::vector<std::vector<Cell>> rows;
  for (const json& trace : (*answer)["traces"])
    rows.push_back(
        {{time_of_day(trace["start_us"].get<std::int64_t>()), Tone::dim},
         {duration_text(trace["duration_us"].get<std::int64_t>()), Tone::plain, true},
         {outcome_of(trace), tone_of(trace), true},
         {trace.value("service", "")},
         {what_of(trace)},
         {fmt::format("{}", trace.value("spans", 0)), Tone::dim, true},
         {trace.value("errors", 0) > 0 ? fmt::format("{}", trace["errors"].get<int>()) : "", Tone::red, true},
         {trace.value("user", ""), Tone::dim},
         {trace["id"].get<std::string>(), Tone::dim}});
  if (rows.empty()) {
    say("no trace fits");
  } else {
    fmt::print("{}",
               table({"TIME", "TOOK", "STATUS", "BEGAN AT", "REQUEST", "SPANS", "FAILED", "USER", "TRACE"}, rows));
  }
  if (answer->value("more", false))
    say(tinted(fmt::format("there are more: --limit, or a shorter --since", options.limit), Tone::dim));
  say_window(*answer);
  return kDone;
}

int trace(const Context& context, const std::string& id) {
  const auto answer = ask_collector(context, "GET", "/api/v1/traces/" + collect::encode_query(id));
  if (!answer) return answer.error();
  if (context.json) return say(answer->dump(2)), kDone;
  const json& whole = (*answer)["trace"];
  std::map<std::string, const json*> known;
  for (const json& span : whole["spans"]) known[span["id"].get<std::string>()] = &span;
  std::multimap<std::string, const json*> children;
  for (const json& span : whole["spans"]) {
    const std::string parent = span.value("parent", "");
    children.emplace(known.contains(parent) ? parent : "", &span);
  }
  std::vector<std::vector<Cell>> rows;
  const std::int64_t start = whole.value("start_us", std::int64_t{0});
  print_spans(whole["spans"], children, "", 0, start, rows);
  say(fmt::format("trace {}, {}", whole["id"].get<std::string>(), local_time(start, "%d %b %H:%M:%S")));
  fmt::print("{}", table({"SERVICE", "HOP", "REQUEST", "INSTANCE", "STATUS", "BEGAN", "TOOK", ""}, rows));
  for (const json& each : whole["denied"])
    say(tinted(fmt::format("{}: {} -> {}  {}: {}{}", each.value("verdict", ""), each.value("subject", ""),
                           each.value("object", ""), each.value("action", ""), each.value("reason", ""),
                           each.contains("rule_at") ? " (" + each["rule_at"].get<std::string>() + ")" : ""),
               Tone::red));
  for (const json& line : whole["logs"])
    say(fmt::format("{} {} | {}", tinted(time_of_day(line["at_us"].get<std::int64_t>()), Tone::dim),
                    tinted(fmt::format("{:<14}", line.value("instance", "")), Tone::dim), line.value("text", "")));
  say_window(*answer);
  return kDone;
}

int edges(const Context& context, const EdgesOptions& options) {
  const auto answer = ask_collector(context, "GET", "/api/v1/graph" + Query().add("from", options.since).text());
  if (!answer) return answer.error();
  if (context.json) return say(answer->dump(2)), kDone;
  std::vector<std::vector<Cell>> rows;
  for (const json& edge : (*answer)["edges"]) {
    const bool used = edge.value("requests", 0) > 0;
    if (options.denied && edge.value("denied", 0) == 0) continue;
    if (options.fresh && !edge.value("new", false)) continue;
    const auto latency = [&](const char* member) {
      return edge.contains(member) ? duration_text(edge[member].get<std::int64_t>()) : "-";
    };
    const std::int64_t errors = edge.value("errors", std::int64_t{0}), denied = edge.value("denied", std::int64_t{0});
    rows.push_back({{edge.value("from", "")},
                    {edge.value("to", "")},
                    {fmt::format("{}", edge.value("port", 0)), Tone::dim, true},
                    {fmt::format("{}", edge.value("requests", std::int64_t{0})), used ? Tone::plain : Tone::dim, true},
                    {fmt::format("{}", errors), errors > 0 ? Tone::red : Tone::dim, true},
                    {fmt::format("{}", denied), denied > 0 ? Tone::red : Tone::dim, true},
                    {latency("p50_us"), Tone::plain, true},
                    {latency("p99_us"), Tone::plain, true},
                    {edge.value("declared", false) ? edge.value("id", "") : "not declared",
                     edge.value("declared", false) ? Tone::dim : Tone::red}});
  }
  fmt::print("{}", table({"FROM", "TO", "PORT", "REQUESTS", "ERRORS", "DENIED", "P50", "P99", "RULE"}, rows));
  const auto list = [](const json& kinds, std::string_view what, Tone tone) {
    for (const json& each : kinds)
      say(tinted(fmt::format("{}: {} -> {}  {}: {} ({} times)", what, each.value("from", ""), each.value("to", ""),
                             each.value("target", ""), each.value("reason", ""), each.value("count", 0)),
                 tone));
  };
  list((*answer)["attempts"], "refused", Tone::red);
  list((*answer)["noted"], "noted", Tone::yellow);
  say_window(*answer);
  return kDone;
}

namespace {

void print_usage(const json& instances) {
  std::vector<std::vector<Cell>> rows;
  for (const json& each : instances) {
    const double mebibytes = static_cast<double>(each.value("memory_bytes", std::int64_t{0})) / (1U << 20U);
    rows.push_back(
        {{each.value("id", "")},
         {each.contains("cpu") ? fmt::format("{:.2f}", each["cpu"].get<double>()) : "-", Tone::plain, true},
         {each.contains("memory_bytes") ? fmt::format("{:.1f} MiB", mebibytes) : "-", Tone::plain, true},
         {each.contains("pids") ? fmt::format("{}", each["pids"].get<std::int64_t>()) : "-", Tone::plain, true}});
  }
  if (!rows.empty()) fmt::print("{}\n", table({"INSTANCE", "PROCESSORS", "MEMORY", "PROCESSES"}, rows));
}

}  // namespace

int metrics(const Context& context, const std::string& service, const std::string& since) {
  auto answer =
      ask_collector(context, "GET", "/api/v1/series" + Query().add("service", service).add("from", since).text());
  if (!answer) return answer.error();
  const auto usage = ask_collector(context, "GET", "/api/v1/usage");
  if (!usage) return usage.error();
  json& instances = (*answer)["instances"] = json::array();
  for (const json& each : usage->value("instances", json::array()))
    if (each.value("service", "") == service) instances.push_back(each);
  if (context.json) return say(answer->dump(2)), kDone;
  print_usage(instances);
  const double seconds = static_cast<double>(answer->value("step_ms", std::int64_t{1000})) / 1000;
  std::vector<std::vector<Cell>> rows;
  for (const json& point : (*answer)["points"]) {
    const std::int64_t requests = point.value("requests", std::int64_t{0}),
                       errors = point.value("errors", std::int64_t{0});
    const std::int64_t denied = point.value("denied", std::int64_t{0});
    if (requests == 0 && denied == 0) continue;
    const auto latency = [&](const char* member) {
      return point.contains(member) ? duration_text(point[member].get<std::int64_t>()) : "-";
    };
    rows.push_back({{local_time(point["at_ms"].get<std::int64_t>() * 1000, "%H:%M:%S"), Tone::dim},
                    {fmt::format("{:.1f}", static_cast<double>(requests) / seconds), Tone::plain, true},
                    {fmt::format("{}", errors), errors > 0 ? Tone::red : Tone::dim, true},
                    {fmt::format("{}", denied), denied > 0 ? Tone::red : Tone::dim, true},
                    {latency("p50_us"), Tone::plain, true},
                    {latency("p90_us"), Tone::plain, true},
                    {latency("p99_us"), Tone::plain, true}});
  }
  if (rows.empty()) {
    say("nothing flowed");
  } else {
    fmt::print("{}", table({"TIME", "REQUESTS/S", "ERRORS", "DENIED", "P50", "P90", "P99"}, rows));
  }
  say_window(*answer);
  return kDone;
}

int logs_of_trace(const Context& context, const LogsOptions& options) {
  Query query;
  query.add("trace", options.trace).add("service", options.service).add("from", "30d").add("limit", "500");
  const auto answer = ask_collector(context, "GET", "/api/v1/logs" + query.text());
  if (!answer) return answer.error();
  for (const json& line : (*answer)["lines"])
    print_log_line(context.json, line.value("instance", ""),
                   {{"stream", line.value("stream", "")}, {"line", line.value("text", "")}});
  if (!context.json) say_window(*answer);
  return kDone;
}

int console(const Context& context) {
  const auto answer = ask_collector(context, "POST", "/api/v1/login");
  if (!answer) return answer.error();
  if (context.json) return say(answer->dump(2)), kDone;
  say(answer->value("url", ""));
  if (!has_colours()) return kDone;
  say(tinted(fmt::format("good once, within {} minutes", answer->value("seconds", 0) / 60), Tone::dim));
  return kDone;
}

int console_token(const Context& context, int days) {
  const auto answer = ask_collector(context, "POST", fmt::format("/api/v1/token?limit={}", days));
  if (!answer) return answer.error();
  say(context.json ? answer->dump(2) : answer->value("token", ""));
  return kDone;
}

std::string console_url(const control::Places& places) {
  const auto answer = collect::ask_collector(places.collector_socket(), "POST", "/api/v1/login");
  return answer ? answer->value("url", "") : "";
}

}  // namespace bulkhead::cli
