#include <iterator>

#include <fmt/format.h>

#include "telemetry/records.hpp"

namespace bulkhead::telemetry {

namespace {

std::int64_t micros(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

// The length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629 §4), 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf && tail(1)) return 2;
  const unsigned second = byte(1);
  if (first >= 0xe0 && first <= 0xef && tail(1) && tail(2)) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4 && tail(1) && tail(2) && tail(3)) {
    const bool overlong = first == 0xf0 && second < 0x90;
    const bool beyond = first == 0xf4 && second >= 0x90;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

class Line {
 public:
  explicit Line(std::string_view type) { text("type", type); }

  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    begin(key);
    quote(value);
  }
  void number(std::string_view key, std::int64_t value) {
    begin(key);
    fmt::format_to(std::back_inserter(line_), "{}", value);
  }
  std::string take() {
    line_.push_back('}');
    return std::move(line_);
  }

 private:
  void begin(std::string_view key) {
    line_.push_back(line_.empty() ? '{' : ',');
    line_.append("\"").append(key).append("\":");
  }

  void quote(std::string_view value) {
    line_.push_back('"');
    while (!value.empty()) {
      const std::size_t length = sequence_length(value);
      const char c = value.front();
      if (length == 0) {
        line_.append("\\ufffd");
      } else if (length > 1) {
        line_.append(value.substr(0, length));
      } else if (c == '"' || c == '\\') {
        line_.append({'\\', c});
      } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        fmt::format_to(std::back_inserter(line_), "\\u{:04x}", static_cast<unsigned>(c));
      } else {
        line_.push_back(c);
      }
      value.remove_prefix(length == 0 ? 1 : length);
    }
    line_.push_back('"');
  }

  std::string line_;
};

}  // namespace

std::string to_line(const Span& span) {
  Line line("span");
  line.number("start_us", micros(span.start));
  line.number("us", std::chrono::duration_cast<std::chrono::microseconds>(span.duration).count());
  line.text("trace", hex(span.context.trace_id));
  line.text("span", hex(span.context.span_id));
  if (span.parent) line.text("parent", hex(*span.parent));
  line.text("request_id", span.request_id);
  line.text("hop", span.hop);
  line.text("caller", span.caller);
  line.text("callee", span.callee);
  line.text("instance", span.instance);
  if (span.port != 0) line.number("port", span.port);
  line.text("protocol", span.protocol);
  line.text("method", span.method);
  line.text("path", span.path.substr(0, span.path.find('?')));
  line.number("status", span.status);
  if (span.grpc_status >= 0) line.number("grpc_status", span.grpc_status);
  line.text("cause", span.cause);
  line.number("sent", static_cast<std::int64_t>(span.bytes_sent));
  line.number("received", static_cast<std::int64_t>(span.bytes_received));
  if (span.attempts != 1) line.number("attempts", span.attempts);
  return line.take();
}

std::string to_line(const Denied& denied) {
  Line line("denied");
  line.number("time_us", micros(denied.time));
  line.text("subject", denied.subject);
  line.text("object", denied.object);
  line.text("action", denied.action.substr(0, denied.action.find('?')));
  line.text("verdict", denied.verdict);
  line.text("rule", denied.rule);
  line.text("reason", denied.reason);
  line.text("allow", denied.allow);
  line.text("hop", denied.hop);
  line.text("trace", denied.trace_id);
  line.text("request_id", denied.request_id);
  return line.take();
}

std::string to_line(const UndeclaredDial& dial) {
  Line line("undeclared");
  line.number("time_us", micros(dial.time));
  line.text("caller", dial.caller);
  line.text("target", dial.target);
  line.text("protocol", dial.protocol);
  line.text("allow", dial.allow);
  if (dial.repeated != 1) line.number("repeated", static_cast<std::int64_t>(dial.repeated));
  return line.take();
}

}  // namespace bulkhead::telemetry
