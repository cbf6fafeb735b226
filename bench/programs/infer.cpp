// bench/infer [SHAPE|all [REQUESTS [SPREAD]]]: how well calls are joined to requests without a header, and how fast, on
// simulated services whose truth is known. Every row is an Inference that knows nothing at first.
//
// bench/infer records NAME FROM_US FILE...: the same on what a sidecar recorded of a program that hands its trace on
// (the parents of its calls are the truth, and kept from the Inference); of requests from FROM_US on. Used by
// `bench/joins`.

#include <cstdio>
#include <ctime>
#include <fstream>

#include <fmt/format.h>

#include "collect/infer_service_test.hpp"
#include "collect/joins.hpp"
#include "collect/record_line.hpp"

namespace {

using namespace bulkhead::collect;

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? 100.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

struct Bands {
  std::array<std::size_t, 10> all{}, right{};
  void add(const simulated::Score& score) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] += score.in_band[i];
      right[i] += score.right_in_band[i];
    }
  }
};

void print(const Bands& bands) {
  fmt::print("\nconfidence      joins   right\n");
  for (std::size_t i = 0; i < bands.all.size(); ++i) {
    if (bands.all[i] == 0) continue;
    fmt::print("{:.1f} to {:.1f} {:>11} {:>6.1f}%\n", 0.1 * static_cast<double>(i), 0.1 * static_cast<double>(i + 1),
               bands.all[i], percent(bands.right[i], bands.all[i]));
  }
}

// What a sidecar's record files have.
simulated::Traffic recorded(std::span<char*> files, std::int64_t learn_us, std::int64_t from_us) {
  simulated::Traffic traffic;
  PathPatterns requests, calls;
  std::int64_t first = INT64_MAX, last = 0, busy = 0;
  for (const char* file : files) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
      FlatObject members(line);
      SpanRow row;
      if (kind_of(line) != RecordKind::span || !read_span(members, row) || row.start_us < learn_us) continue;
      const Hop hop(row);
      if (hop.request) {
        traffic.requests.push_back({hop.span, requests.number(hop.kind, hop.path), hop.start_us, hop.end_us});
        if (hop.start_us < from_us) continue;
        first = std::min(first, hop.start_us);
        last = std::max(last, hop.end_us);
        busy += hop.end_us - hop.start_us;
      } else {
        traffic.calls.push_back({hop.span, calls.number(hop.kind, hop.path), hop.start_us, hop.end_us, {}});
        if (hop.parent != 0) traffic.parents[hop.span] = hop.parent;
      }
    }
  }
  traffic.busy = static_cast<double>(busy) / static_cast<double>(std::max<std::int64_t>(last - first, 1));
  return traffic;
}

struct Judged {
  simulated::Score score;
  double seconds = 0;
};
Judged judge(Inference& inference, const simulated::Traffic& traffic, std::int64_t from_us = 0) {
  const double begin = processor_seconds();
  const auto joins = simulated::infer(inference, traffic);
  const double seconds = processor_seconds() - begin;
  return {simulated::score(traffic, joins, from_us), seconds};
}

void run(simulated::Load load, Bands& bands) {
  auto traffic = simulated::simulate(load);
  Inference inference;
  const auto [score, first] = judge(inference, traffic);
  bands.add(score);
  load.seed = 2;
  load.begin_us = 100'000'000'000;
  auto more = simulated::simulate(load);
  const double later = judge(inference, more).seconds;
  fmt::print("{:<10}{:>8}{:>7.1f}{:>8.1f}%{:>8.1f}%{:>8.1f}%{:>8.1f}%{:>8.2f} s{:>11.0f}\n", load.shape, load.clients,
             traffic.busy, percent(score.whole, score.requests), percent(score.right, score.calls),
             percent(score.right, score.joins), 100 * score.expected_error, first,
             static_cast<double>(more.requests.size() + more.calls.size()) / later);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 5 && std::string_view(argv[1]) == "records") {
    Inference inference;
    const std::int64_t learn_us = std::strtoll(argv[3], nullptr, 10), from_us = std::strtoll(argv[4], nullptr, 10);
    const auto traffic = recorded(std::span(argv, static_cast<std::size_t>(argc)).subspan(5), learn_us, from_us);
    const auto [score, seconds] = judge(inference, traffic, from_us);
    fmt::print("{:<10}{:>8.1f}{:>10}{:>8.1f}%{:>8.1f}%{:>8.1f}%{:>8.1f}%{:>8.2f} s\n", argv[2], traffic.busy,
               score.requests, percent(score.whole, score.requests), percent(score.right, score.calls),
               percent(score.right, score.joins), 100 * score.expected_error, seconds);
    return score.requests > 0 && score.calls > 0 ? 0 : 1;
  }
  std::string only = argc > 1 ? argv[1] : "all";
  std::size_t requests = argc > 2 ? std::stoul(argv[2]) : 10'000;
  double spread = argc > 3 ? std::stod(argv[3]) : 0.4;
  fmt::print(
      "whole: requests whose calls are exactly right; found: calls joined to their request; right: of the joins;\n"
      "off: confidence less share right; first: processor time of the first {} requests, learning included;\n"
      "spans/s: of as many more\n\n",
      requests);
  fmt::print("{:<10}{:>8}{:>7}{:>9}{:>9}{:>9}{:>9}{:>10}{:>11}\n", "shape", "clients", "busy", "whole", "found",
             "right", "off", "first", "spans/s");
  Bands bands;
  for (const auto& shape : simulated::shapes()) {
    if (only != "all" && only != shape.name) continue;
    for (int clients : {1, 10, 50})
      run({.shape = shape.name, .clients = clients, .requests = requests, .spread = spread}, bands);
  }
  print(bands);
  return 0;
}
