#include "collect/program_metrics.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

#include "collect/otlp_out.hpp"

namespace bulkhead::collect {

namespace {

constexpr auto kForgotten = std::chrono::minutes(5);
constexpr auto kLookEvery = std::chrono::seconds(10);
constexpr std::string_view kReserved = "bulkhead";

// [a-zA-Z_][a-zA-Z0-9_]*, without two '_' in a row.
std::string plain_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (digit && name.empty()) name += '_';
    if (letter || digit) {
      name += c;
    } else if (!name.ends_with('_')) {
      name += '_';
    }
  }
  return name.empty() ? "_" : name;
}

std::string_view unit_word(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kWords = {{{"s", "seconds"},
                                                                                    {"ms", "milliseconds"},
                                                                                    {"us", "microseconds"},
                                                                                    {"ns", "nanoseconds"},
                                                                                    {"min", "minutes"},
                                                                                    {"By", "bytes"},
                                                                                    {"KiBy", "kibibytes"},
                                                                                    {"MiBy", "mebibytes"}}};
  const auto* const found = std::ranges::find(kWords, unit, [](const auto& each) { return each.first; });
  return found == kWords.end() ? std::string_view() : found->second;
}

Labels labels_of(const std::string& service, const std::string& instance, const ToldPoint& point) {
  constexpr std::array<std::string_view, 3> kOurs = {"service", "id", "le"};
  std::map<std::string, std::string> more;
  for (const auto& [key, value] : point.attributes) {
    std::string name = plain_name(key);
    if (std::ranges::find(kOurs, name) != kOurs.end()) name.insert(0, "exported_");
    more[std::move(name)] = value;
  }
  Labels labels{{"service", service}, {"id", instance}};
  labels.insert(labels.end(), more.begin(), more.end());
  return labels;
}

HistogramSample histogram_of(Labels labels, const ToldPoint& point) {
  HistogramSample sample{
      .labels = std::move(labels), .bounds = point.bounds, .up_to = {}, .sum = point.sum, .exemplars = {}};
  std::uint64_t up_to = 0;
  for (const std::uint64_t count : point.counts) sample.up_to.push_back(up_to += count);
  return sample;
}

}  // namespace

std::string prometheus_name(std::string_view name, std::string_view unit, Family::Kind kind) {
  std::string plain = plain_name(name);
  if (kind == Family::Kind::counter && plain.ends_with("_total")) plain.erase(plain.size() - 6);
  if (const std::string_view word = unit_word(unit); !word.empty() && !plain.ends_with(word)) {
    plain += '_';
    plain += word;
  }
  return kind == Family::Kind::counter ? plain + "_total" : plain;
}

std::size_t ProgramMetrics::take(const std::string& service, const std::string& instance, std::vector<ToldPoint> points,
                                 net::SteadyTime now) {
  std::size_t refused = 0;
  for (ToldPoint& point : points) {
    std::string key = fmt::format("{}\n{}\n{}\n{}", service, instance, static_cast<int>(point.kind), point.name);
    for (const auto& [name, value] : point.attributes) key += fmt::format("\n{}:{}={}", name.size(), name, value);
    auto known = series_.find(key);
    if (known == series_.end()) {
      std::size_t& of_service = of_service_[service];
      const bool reserved = plain_name(point.name).starts_with(kReserved);
      if (reserved || of_service >= kMostOfService || series_.size() >= kMost) {
        ++refused;
        continue;
      }
      ++of_service;
      known = series_.emplace(std::move(key), Series{service, instance, {}, {}}).first;
    }
    known->second.point = std::move(point);
    known->second.told = now;
  }
  return refused;
}

void ProgramMetrics::forget(net::SteadyTime now) {
  if (now - looked_ < kLookEvery) return;
  looked_ = now;
  std::erase_if(series_, [&](const auto& entry) {
    const bool gone = now - entry.second.told > kForgotten;
    if (gone) --of_service_[entry.second.service];
    return gone;
  });
}

void ProgramMetrics::add_families(std::vector<Family>& into) const {
  std::map<std::string, Family> families;
  std::map<std::string, std::set<Labels>> seen;
  for (const auto& [key, series] : series_) {
    const ToldPoint& point = series.point;
    const std::string name = prometheus_name(point.name, point.unit, point.kind);
    Family& family =
        families.try_emplace(name, Family{.name = name, .kind = point.kind, .help = point.help, .reals = true})
            .first->second;
    Labels labels = labels_of(series.service, series.instance, point);
    // Two of one name and labels, or of two kinds, would make the whole answer unreadable.
    if (family.kind != point.kind || !seen[name].insert(labels).second) continue;
    if (point.kind == Family::Kind::histogram)
      family.histograms.push_back(histogram_of(std::move(labels), point));
    else
      family.samples.push_back({std::move(labels), 0, point.value});
  }
  for (auto& [name, family] : families) into.push_back(std::move(family));
}

std::string ProgramMetrics::otlp(const std::string& app, net::SteadyTime since) const {
  std::map<std::pair<std::string, std::string>, std::vector<const ToldPoint*>> by_instance;
  for (const auto& [key, series] : series_)
    if (series.told > since) by_instance[{series.service, series.instance}].push_back(&series.point);
  std::string message;
  for (const auto& [whose, points] : by_instance)
    message += told_metrics_request(points, app, whose.first, whose.second);
  return message;
}

}  // namespace bulkhead::collect
