#include "collect/told_metrics.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/utf8.hpp"
#include "collect/otlp_values.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr std::size_t kMostBuckets = 256;
constexpr std::uint64_t kCumulativeSums = 2;   // AggregationTemporality
constexpr std::uint64_t kNoRecordedValue = 1;  // DataPointFlags

// What the points of one metric have in common.
struct Described {
  ToldPoint point;
  bool refused = false;  // of a kind that is not kept
};

class Taker {
 public:
  Taker(ToldMetrics& told, std::size_t most) : told_(told), most_(most) {}

  // True: one more of `metric` is counted, and nobody needs to look at it.
  bool is_passed_over(const Described& metric) {
    if (metric.refused) {
      ++told_.refused;
      return true;
    }
    if (told_.points.size() < most_) return false;
    ++told_.left_out;
    return true;
  }

  void take(ToldPoint point, const json& attributes) {
    if (!is_whole(point)) {
      ++told_.refused;
      return;
    }
    // One text that is no UTF-8 would make all that Prometheus is told unreadable.
    for (std::string* text : {&point.name, &point.unit, &point.help}) *text = valid_utf8(*text);
    for (const auto& [key, value] : attributes.items())
      point.attributes.emplace_back(valid_utf8(key),
                                    valid_utf8(value.is_string() ? value.get<std::string>() : json_text(value)));
    told_.points.push_back(std::move(point));
  }

 private:
  static bool is_whole(const ToldPoint& point) {
    if (point.name.empty()) return false;
    if (point.kind != Family::Kind::histogram) return true;
    const bool sorted = std::ranges::is_sorted(point.bounds, std::less_equal<>()) || point.bounds.size() < 2;
    return sorted && std::ranges::all_of(point.bounds, [](double each) { return std::isfinite(each); }) &&
           point.counts.size() == point.bounds.size() + 1 && point.counts.size() <= kMostBuckets;
  }
  ToldMetrics& told_;
  const std::size_t most_;
};

std::int64_t micros(std::uint64_t nanoseconds) { return static_cast<std::int64_t>(nanoseconds / 1000); }

// Packed, or one after the other.
template <class Take>
void each_fixed(const ProtobufReader& reader, const Take& take, bool& bad) {
  const std::string_view packed = reader.bytes();
  if (packed.empty()) return take(reader.number());
  bad = bad || packed.size() % 8 != 0 || packed.size() / 8 > kMostBuckets;
  for (std::size_t at = 0; !bad && at < packed.size(); at += 8) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i)
      value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(packed[at + i])) << (8 * i);
    take(value);
  }
}

void add_number(std::string_view message, ToldPoint point, Taker& taker, bool& bad) {
  json attributes = json::object();
  bool recorded = true;
  ProtobufReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 2: point.since_us = micros(reader.number()); break;
      case 3: point.at_us = micros(reader.number()); break;
      case 4: point.value = reader.real(); break;
      case 6: point.value = static_cast<double>(reader.signed_number()); break;
      case 7: add_attribute(reader.bytes(), attributes, bad); break;
      case 8: recorded = (reader.number() & kNoRecordedValue) == 0; break;
      default: break;
    }
  }
  bad = bad || reader.malformed();
  if (recorded && !bad) taker.take(std::move(point), attributes);
}

void add_histogram(std::string_view message, ToldPoint point, Taker& taker, bool& bad) {
  json attributes = json::object();
  bool recorded = true;
  std::uint64_t count = 0;
  ProtobufReader reader(message);
  while (reader.next() && !bad) {
    switch (reader.field()) {
      case 2: point.since_us = micros(reader.number()); break;
      case 3: point.at_us = micros(reader.number()); break;
      case 4: count = reader.number(); break;
      case 5: point.sum = reader.real(); break;
      case 6: each_fixed(reader, [&](std::uint64_t value) { point.counts.push_back(value); }, bad); break;
      case 7:
        each_fixed(reader, [&](std::uint64_t value) { point.bounds.push_back(std::bit_cast<double>(value)); }, bad);
        break;
      case 9: add_attribute(reader.bytes(), attributes, bad); break;
      case 10: recorded = (reader.number() & kNoRecordedValue) == 0; break;
      default: break;
    }
    bad = bad || point.counts.size() > kMostBuckets || point.bounds.size() > kMostBuckets;
  }
  bad = bad || reader.malformed();
  // A histogram may have no buckets: all are above nothing.
  if (point.counts.empty() && point.bounds.empty()) point.counts.push_back(count);
  if (recorded && !bad) taker.take(std::move(point), attributes);
}

// The points of a Gauge, Sum or Histogram.
void add_points(std::string_view message, Described metric, Taker& taker, bool& bad) {
  ProtobufReader facts(message);
  std::uint64_t temporality = 0;
  bool monotonic = false;
  while (facts.next()) {
    if (facts.field() == 2) temporality = facts.number();
    if (facts.field() == 3) monotonic = facts.number() != 0;
  }
  if (metric.point.kind == Family::Kind::counter && !monotonic) metric.point.kind = Family::Kind::gauge;
  if (metric.point.kind != Family::Kind::gauge) metric.refused = metric.refused || temporality != kCumulativeSums;
  ProtobufReader points(message);
  while (points.next() && !bad) {
    if (points.field() != 1 || taker.is_passed_over(metric)) continue;
    if (metric.point.kind == Family::Kind::histogram)
      add_histogram(points.bytes(), metric.point, taker, bad);
    else
      add_number(points.bytes(), metric.point, taker, bad);
  }
  bad = bad || points.malformed();
}

void add_metric(std::string_view message, Taker& taker, bool& bad) {
  Described metric;
  std::string_view points;
  ProtobufReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1: metric.point.name = cut(reader.bytes()); break;
      case 2: metric.point.help = cut(reader.bytes()); break;
      case 3: metric.point.unit = cut(reader.bytes()); break;
      case 5:
        metric.point.kind = Family::Kind::gauge;
        points = reader.bytes();
        break;
      case 7:
        metric.point.kind = Family::Kind::counter;
        points = reader.bytes();
        break;
      case 9:
        metric.point.kind = Family::Kind::histogram;
        points = reader.bytes();
        break;
      case 10:
      case 11:
        metric.refused = true;
        points = reader.bytes();
        break;
      default: break;
    }
  }
  bad = bad || reader.malformed();
  if (!bad) add_points(points, std::move(metric), taker, bad);
}

// A whole number may be a string, and negative.
double real_in(const json& value, const char* name) {
  const json& found = member(value, name);
  if (found.is_number()) return found.get<double>();
  if (!found.is_string()) return 0;
  const std::string& text = found.get_ref<const std::string&>();
  double real = 0;
  std::from_chars(text.data(), text.data() + text.size(), real);
  return real;
}

bool is_cumulative(const json& points) {
  const json& said = member(points, "aggregationTemporality");
  return said == "AGGREGATION_TEMPORALITY_CUMULATIVE" || said == kCumulativeSums;
}

void add_json_point(const json& value, ToldPoint point, Taker& taker) {
  if ((number_in(value, "flags") & kNoRecordedValue) != 0) return;
  point.since_us = micros(number_in(value, "startTimeUnixNano"));
  point.at_us = micros(number_in(value, "timeUnixNano"));
  if (point.kind == Family::Kind::histogram) {
    point.sum = real_in(value, "sum");
    for (const json& each : member(value, "explicitBounds"))
      point.bounds.push_back(each.is_number() ? each.get<double>() : std::nan(""));
    for (const json& each : member(value, "bucketCounts")) {
      const json wrapped = {{"count", each}};
      point.counts.push_back(number_in(wrapped, "count"));
    }
    if (point.counts.empty() && point.bounds.empty()) point.counts.push_back(number_in(value, "count"));
  } else {
    point.value = member(value, "asInt").is_null() ? real_in(value, "asDouble") : real_in(value, "asInt");
  }
  taker.take(std::move(point), plain_attributes(member(value, "attributes")));
}

void add_json_metric(const json& value, Taker& taker) {
  constexpr std::pair<const char*, Family::Kind> kKindsOfPoints[] = {{"gauge", Family::Kind::gauge},
                                                                     {"sum", Family::Kind::counter},
                                                                     {"histogram", Family::Kind::histogram},
                                                                     {"exponentialHistogram", Family::Kind::histogram},
                                                                     {"summary", Family::Kind::histogram}};
  for (const auto& [name, kind] : kKindsOfPoints) {
    const json& points = member(value, name);
    if (!points.is_object()) continue;
    Described metric;
    metric.point.name = text_in(value, "name");
    metric.point.help = text_in(value, "description");
    metric.point.unit = text_in(value, "unit");
    metric.point.kind = kind;
    const bool monotonic = member(points, "isMonotonic") == true;
    if (kind == Family::Kind::counter && !monotonic) metric.point.kind = Family::Kind::gauge;
    metric.refused = name == std::string_view("exponentialHistogram") || name == std::string_view("summary") ||
                     (metric.point.kind != Family::Kind::gauge && !is_cumulative(points));
    for (const json& point : member(points, "dataPoints"))
      if (!taker.is_passed_over(metric)) add_json_point(point, metric.point, taker);
  }
}

}  // namespace

Result<ToldMetrics> read_otlp_metrics_protobuf(std::string_view message, std::size_t most) {
  ToldMetrics told;
  Taker taker(told, most);
  bool bad = false;
  const bool whole = walk(message, [&](std::string_view item, const std::string&) {
    add_metric(item, taker, bad);
    return !bad;
  });
  if (!whole || bad) return fail(Cause::invalid, "the message is no protobuf of an OTLP export of metrics");
  return told;
}

Result<ToldMetrics> read_otlp_metrics_json(std::string_view text, std::size_t most) {
  const auto message = read_json(text);
  if (!message) return fail(within("OTLP", message.error()));
  if (!message->is_object()) return fail(Cause::invalid, "OTLP: the export is no JSON object");
  ToldMetrics told;
  Taker taker(told, most);
  for (const json& resource : member(*message, "resourceMetrics"))
    for (const json& scope : member(resource, "scopeMetrics"))
      for (const json& metric : member(scope, "metrics")) add_json_metric(metric, taker);
  return told;
}

}  // namespace bulkhead::collect
