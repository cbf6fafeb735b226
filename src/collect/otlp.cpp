#include "collect/otlp.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "collect/otlp_values.hpp"
#include "collect/protobuf.hpp"
#include "collect/record_line.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr std::size_t kMostEvents = 128;

constexpr std::array<std::string_view, 6> kKinds = {"", "internal", "server", "client", "producer", "consumer"};
// SeverityNumber: four steps each.
constexpr std::array<std::string_view, 6> kSeverities = {"trace", "debug", "info", "warn", "error", "fatal"};

std::string_view severity_of_number(std::uint64_t number) {
  return number >= 1 && number <= 24 ? kSeverities[(number - 1) / 4] : std::string_view();
}

bool read_ids(std::string_view trace, std::string_view span, ToldSpan& into) {
  if (trace.size() != into.trace.size() || span.size() != 8) return false;
  std::copy(trace.begin(), trace.end(), into.trace.begin());
  for (const char c : span) into.span = into.span << 8U | static_cast<std::uint8_t>(c);
  return into.trace != telemetry::TraceId{} && into.span != 0;
}

std::uint64_t number_of(std::string_view octets) {
  std::uint64_t value = 0;
  if (octets.size() == 8)
    for (const char c : octets) value = value << 8U | static_cast<std::uint8_t>(c);
  return value;
}

json event_of(std::string_view message, bool& bad) {
  json event = {{"at_us", 0}, {"name", ""}, {"attributes", json::object()}};
  ProtobufReader reader(message);
  while (reader.next()) {
    if (reader.field() == 1) event["at_us"] = static_cast<std::int64_t>(reader.number() / 1000);
    if (reader.field() == 2) event["name"] = cut(reader.bytes());
    if (reader.field() == 3) add_attribute(reader.bytes(), event["attributes"], bad);
  }
  bad = bad || reader.malformed();
  return event;
}

void add_span(std::string_view message, const std::string& scope, Told& told, bool& bad) {
  ToldSpan span;
  json extra = {{"attributes", json::object()}, {"events", json::array()}};
  std::string_view trace, id;
  std::uint64_t start = 0, end = 0;
  ProtobufReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1: trace = reader.bytes(); break;
      case 2: id = reader.bytes(); break;
      case 4: span.parent = number_of(reader.bytes()); break;
      case 5: extra["name"] = cut(reader.bytes()); break;
      case 6:
        if (reader.number() < kKinds.size()) extra["span_kind"] = kKinds[reader.number()];
        break;
      case 7: start = reader.number(); break;
      case 8: end = reader.number(); break;
      case 9: add_attribute(reader.bytes(), extra["attributes"], bad); break;
      case 11:
        if (extra["events"].size() < kMostEvents) extra["events"].push_back(event_of(reader.bytes(), bad));
        break;
      case 15: {
        ProtobufReader status(reader.bytes());
        while (status.next()) {
          if (status.field() == 2) extra["message"] = cut(status.bytes());
          if (status.field() == 3) span.error = status.number() == 2;
        }
        bad = bad || status.malformed();
        break;
      }
      default: break;
    }
  }
  bad = bad || reader.malformed();
  if (!read_ids(trace, id, span)) {
    ++told.refused;
    return;
  }
  span.start_us = static_cast<std::int64_t>(start / 1000);
  span.us = end > start ? static_cast<std::int64_t>((end - start) / 1000) : 0;
  if (!scope.empty()) extra["scope"] = scope;
  if (span.error) extra["error"] = true;
  span.extra = json_text(extra);
  told.spans.push_back(std::move(span));
}

void add_log(std::string_view message, Told& told, bool& bad) {
  ToldLog log;
  json body, attributes = json::object();
  std::uint64_t time = 0, observed = 0, number = 0;
  ProtobufReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1: time = reader.number(); break;
      case 2: number = reader.number(); break;
      case 3: log.severity = cut(reader.bytes()); break;
      case 5: body = any_value(reader.bytes(), kMostNesting, bad); break;
      case 6: add_attribute(reader.bytes(), attributes, bad); break;
      case 9:
        if (reader.bytes().size() == log.trace.size())
          std::copy(reader.bytes().begin(), reader.bytes().end(), log.trace.begin());
        break;
      case 10: log.span = number_of(reader.bytes()); break;
      case 11: observed = reader.number(); break;
      default: break;
    }
  }
  bad = bad || reader.malformed();
  log.at_us = static_cast<std::int64_t>((time != 0 ? time : observed) / 1000);
  if (const std::string_view known = severity_of_number(number); !known.empty()) log.severity = known;
  log.text = body.is_string() ? body.get<std::string>() : body.is_null() ? "" : json_text(body);
  if (!attributes.empty()) log.text += (log.text.empty() ? "" : " ") + json_text(attributes);
  told.logs.push_back(std::move(log));
}

Fault too_many() {
  return {Cause::exhausted, fmt::format("more than {} spans or log records in one request", kMostTold)};
}

}  // namespace

Result<Told> read_otlp_protobuf(Signal signal, std::string_view message, std::size_t most) {
  Told told;
  bool bad = false;
  std::size_t count = 0;
  const bool whole = walk(message, [&](std::string_view item, const std::string& scope) {
    if (++count > kMostTold || bad) return false;
    if (told.spans.size() + told.logs.size() >= most)
      ++told.left_out;
    else if (signal == Signal::traces)
      add_span(item, scope, told, bad);
    else
      add_log(item, told, bad);
    return true;
  });
  if (count > kMostTold) return fail(too_many());
  if (!whole || bad) return fail(Cause::invalid, "the message is no protobuf of an OTLP export");
  return told;
}

namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  return text;
}

void add_json_span(const json& value, const std::string& scope, Told& told) {
  ToldSpan span;
  if (!read_trace_id(lower(text_in(value, "traceId")), span.trace) ||
      !read_span_id(lower(text_in(value, "spanId")), span.span)) {
    ++told.refused;
    return;
  }
  read_span_id(lower(text_in(value, "parentSpanId")), span.parent);
  const std::uint64_t start = number_in(value, "startTimeUnixNano"), end = number_in(value, "endTimeUnixNano");
  span.start_us = static_cast<std::int64_t>(start / 1000);
  span.us = end > start ? static_cast<std::int64_t>((end - start) / 1000) : 0;
  json extra = {{"name", text_in(value, "name")},
                {"attributes", plain_attributes(member(value, "attributes"))},
                {"events", json::array()}};
  if (const std::uint64_t kind = number_in(value, "kind"); kind > 0 && kind < kKinds.size())
    extra["span_kind"] = kKinds[kind];
  const json& events = member(value, "events");
  if (events.is_array())
    for (const json& event : events)
      if (extra["events"].size() < kMostEvents)
        extra["events"].push_back({{"at_us", number_in(event, "timeUnixNano") / 1000},
                                   {"name", text_in(event, "name")},
                                   {"attributes", plain_attributes(member(event, "attributes"))}});
  const json& status = member(value, "status");
  span.error = number_in(status, "code") == 2;
  if (const std::string message = text_in(status, "message"); !message.empty()) extra["message"] = message;
  if (!scope.empty()) extra["scope"] = scope;
  if (span.error) extra["error"] = true;
  span.extra = json_text(extra);
  told.spans.push_back(std::move(span));
}

void add_json_log(const json& value, Told& told) {
  ToldLog log;
  const std::uint64_t time = number_in(value, "timeUnixNano");
  log.at_us = static_cast<std::int64_t>((time != 0 ? time : number_in(value, "observedTimeUnixNano")) / 1000);
  log.severity = text_in(value, "severityText");
  if (const std::string_view known = severity_of_number(number_in(value, "severityNumber")); !known.empty())
    log.severity = known;
  const json body = plain_value(member(value, "body"), kMostNesting);
  log.text = body.is_string() ? body.get<std::string>() : body.is_null() ? "" : json_text(body);
  const json attributes = plain_attributes(member(value, "attributes"));
  if (!attributes.empty()) log.text += (log.text.empty() ? "" : " ") + json_text(attributes);
  read_trace_id(lower(text_in(value, "traceId")), log.trace);
  read_span_id(lower(text_in(value, "spanId")), log.span);
  told.logs.push_back(std::move(log));
}

}  // namespace

Result<Told> read_otlp_json(Signal signal, std::string_view text, std::size_t most) {
  const auto message = read_json(text);
  if (!message) return fail(within("OTLP", message.error()));
  if (!message->is_object()) return fail(Cause::invalid, "OTLP: the export is no JSON object");
  const bool traces = signal == Signal::traces;
  Told told;
  for (const json& resource : member(*message, traces ? "resourceSpans" : "resourceLogs")) {
    for (const json& scope : member(resource, traces ? "scopeSpans" : "scopeLogs")) {
      const std::string name = text_in(member(scope, "scope"), "name");
      for (const json& item : member(scope, traces ? "spans" : "logRecords")) {
        if (told.spans.size() + told.logs.size() + told.refused + told.left_out >= kMostTold) return fail(too_many());
        if (told.spans.size() + told.logs.size() >= most)
          ++told.left_out;
        else if (traces)
          add_json_span(item, name, told);
        else
          add_json_log(item, told);
      }
    }
  }
  return told;
}

}  // namespace bulkhead::collect
