#include "collect/record_line.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bulkhead::collect {

// Spans are written with their type first, what nlohmann writes with its members in order.
RecordKind kind_of(std::string_view line) {
  constexpr std::string_view kType = "\"type\":\"";
  constexpr std::pair<std::string_view, RecordKind> kKinds[] = {
      {"span\"", RecordKind::span},     {"denied\"", RecordKind::denied},   {"undeclared\"", RecordKind::undeclared},
      {"counts\"", RecordKind::counts}, {"dropped\"", RecordKind::dropped}, {"note\"", RecordKind::note},
  };
  const std::string_view begin = line.substr(0, 40);
  std::size_t at = begin.starts_with("{\"type\":\"") ? 1 : line.rfind(kType);
  if (at == std::string_view::npos) return RecordKind::unknown;
  line.remove_prefix(at + kType.size());
  for (const auto& [name, kind] : kKinds)
    if (line.starts_with(name)) return kind;
  return RecordKind::unknown;
}

bool read_trace_id(std::string_view text, telemetry::TraceId& id) { return telemetry::read_hex(text, id); }

bool read_span_id(std::string_view text, std::uint64_t& id) {
  telemetry::SpanId octets{};
  if (!telemetry::read_hex(text, octets)) return false;
  id = 0;
  for (const std::uint8_t octet : octets) id = id << 8U | octet;
  return true;
}

std::string span_id_text(std::uint64_t id) { return fmt::format("{:016x}", id); }

bool read_span(FlatObject& members, SpanRow& row) {
  bool has_trace = false, has_span = false;
  while (members.next()) {
    const std::string_view key = members.key();
    const std::string_view text = members.text();
    const std::int64_t number = members.number();
    if (key == "start_us")
      row.start_us = number;
    else if (key == "us")
      row.us = number;
    else if (key == "trace")
      has_trace = read_trace_id(text, row.trace);
    else if (key == "span")
      has_span = read_span_id(text, row.span);
    else if (key == "parent")
      read_span_id(text, row.parent);
    else if (key == "request_id")
      row.request_id = text;
    else if (key == "user")
      row.user = text;
    else if (key == "hop")
      row.hop = text;
    else if (key == "caller")
      row.caller = text;
    else if (key == "callee")
      row.callee = text;
    else if (key == "instance")
      row.instance = text;
    else if (key == "port")
      row.port = number;
    else if (key == "protocol")
      row.protocol = text;
    else if (key == "method")
      row.method = text;
    else if (key == "path")
      row.path = text;
    else if (key == "status")
      row.status = number;
    else if (key == "grpc_status")
      row.grpc_status = number;
    else if (key == "cause")
      row.cause = text;
    else if (key == "fell_back")
      row.fell_back = text;
    else if (key == "sent")
      row.sent = number;
    else if (key == "received")
      row.received = number;
    else if (key == "attempts")
      row.attempts = number;
    else if (key == "detail")
      row.detail = text;
    else if (key == "rule")
      row.rule = text;
    else if (key == "no_retry")
      row.no_retry = text;
    else if (key == "queued_us")
      row.queued_us = number;
    else if (key == "injected_us")
      row.injected_us = number;
  }
  return has_trace && has_span && !members.mistaken();
}

bool read_decision(FlatObject& members, DecisionRow& row, std::string& action) {
  row.kind = "request";
  std::string_view target, protocol;
  while (members.next()) {
    const std::string_view key = members.key();
    const std::string_view text = members.text();
    if (key == "time_us")
      row.at_us = members.number();
    else if (key == "subject" || key == "caller")
      row.subject = text;
    else if (key == "object")
      row.object = text;
    else if (key == "owner")
      row.owner = text;
    else if (key == "action")
      row.action = text;
    else if (key == "verdict")
      row.verdict = text;
    else if (key == "rule")
      row.rule = text;
    else if (key == "rule_at")
      row.rule_at = text;
    else if (key == "reason")
      row.reason = text;
    else if (key == "allow")
      row.allow = text;
    else if (key == "hop")
      row.hop = text;
    else if (key == "trace")
      read_trace_id(text, row.trace);
    else if (key == "request_id")
      row.request_id = text;
    else if (key == "user")
      row.user = text;
    else if (key == "target")
      target = text;
    else if (key == "protocol")
      protocol = text;
    else if (key == "repeated")
      row.count = members.number();
  }
  if (members.mistaken()) return false;
  if (!protocol.empty()) {
    row.kind = protocol == "dns" ? "name" : "dial";
    action = fmt::format("{} {}", protocol, target);
    row.action = action;
    row.verdict = "denied";
    row.reason = "nobody declared it";
  }
  return true;
}

nlohmann::json decision_json(const DecisionRow& row) {
  nlohmann::json shown = {{"at_us", row.at_us}, {"kind", row.kind}, {"count", row.count}};
  const std::pair<const char*, std::string_view> texts[] = {
      {"subject", row.subject}, {"object", row.object}, {"owner", row.owner},     {"action", row.action},
      {"verdict", row.verdict}, {"rule", row.rule},     {"rule_at", row.rule_at}, {"reason", row.reason},
      {"allow", row.allow},     {"hop", row.hop},       {"user", row.user},       {"request_id", row.request_id},
  };
  for (const auto& [name, text] : texts)
    if (!text.empty()) shown[name] = text;
  if (std::ranges::any_of(row.trace, [](std::uint8_t octet) { return octet != 0; }))
    shown["trace"] = telemetry::hex(row.trace);
  return shown;
}

}  // namespace bulkhead::collect
