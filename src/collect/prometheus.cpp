#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "collect/metrics.hpp"

namespace bulkhead::collect {

namespace {

// A label's value, in both formats alike.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

// With a point: so both formats, and all versions of Prometheus, call a bucket the same.
std::string real_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string seconds(std::int64_t micros) { return real_text(static_cast<double>(micros) / 1e6); }

std::string value_text(const Family& family, const Sample& sample) {
  if (family.reals) return real_text(sample.real);
  return family.micros ? seconds(sample.value) : fmt::format("{}", sample.value);
}

// The help of a family, which is one line.
std::string line_of(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\\') line += '\\';
    if (c == '\n') {
      line += "\\n";
    } else {
      line += c;
    }
  }
  return line;
}

std::string_view word_of(Family::Kind kind) {
  switch (kind) {
    case Family::Kind::counter: return "counter";
    case Family::Kind::gauge: return "gauge";
    case Family::Kind::histogram: break;
  }
  return "histogram";
}

// {a="b",c="d"}; nothing where there are none.
std::string in_braces(const Labels& labels, std::string_view last = "") {
  std::string text;
  for (const auto& [name, value] : labels)
    fmt::format_to(std::back_inserter(text), "{}{}=\"{}\"", text.empty() ? "{" : ",", name, escaped(value));
  if (!last.empty()) fmt::format_to(std::back_inserter(text), "{}{}", text.empty() ? "{" : ",", last);
  return text.empty() ? text : text + "}";
}

void add_histogram(std::string& out, const Family& family, const HistogramSample& sample, bool exemplars) {
  const auto at = std::back_inserter(out);
  for (std::size_t i = 0; i < sample.up_to.size(); ++i) {
    const std::string bound =
        fmt::format("le=\"{}\"", i == sample.bounds.size() ? "+Inf" : real_text(sample.bounds[i]));
    fmt::format_to(at, "{}_bucket{} {}", family.name, in_braces(sample.labels, bound), sample.up_to[i]);
    if (exemplars && i < sample.exemplars.size() && sample.exemplars[i].us >= 0) {
      const Exemplar& exemplar = sample.exemplars[i];
      fmt::format_to(at, " # {{trace_id=\"{}\"}} {} {}", telemetry::hex(exemplar.trace), seconds(exemplar.us),
                     seconds(exemplar.at_us));
    }
    out += '\n';
  }
  const std::string labels = in_braces(sample.labels);
  fmt::format_to(at, "{}_sum{} {}\n", family.name, labels, real_text(sample.sum));
  fmt::format_to(at, "{}_count{} {}\n", family.name, labels, sample.up_to.back());
}

}  // namespace

std::string prometheus_text(const std::vector<Family>& families, MetricsFormat format) {
  std::string out;
  const auto at = std::back_inserter(out);
  const bool open_metrics = format == MetricsFormat::open_metrics;
  for (const Family& family : families) {
    if (family.samples.empty() && family.histograms.empty()) continue;
    // OpenMetrics names a counter's family without what its samples end in.
    std::string_view name = family.name;
    if (open_metrics && family.kind == Family::Kind::counter) name.remove_suffix(std::string_view("_total").size());
    fmt::format_to(at, "# HELP {0} {1}\n# TYPE {0} {2}\n", name, line_of(family.help), word_of(family.kind));
    for (const Sample& sample : family.samples)
      fmt::format_to(at, "{}{} {}\n", family.name, in_braces(sample.labels), value_text(family, sample));
    for (const HistogramSample& sample : family.histograms) add_histogram(out, family, sample, open_metrics);
  }
  if (open_metrics) out += "# EOF\n";
  return out;
}

}  // namespace bulkhead::collect
