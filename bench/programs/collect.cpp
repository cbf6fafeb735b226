// collect [SPANS] [DIRECTORY]: what the collector can take, and how long its questions take over SPANS spans
// (10,000,000).
//
// Reading: records of four sidecars, as they write them, by the intake; spans a second of processor time, all its
// threads. Questions: one thread, files warm in the system's cache as far as they fit; median and worst of many.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include "collect/intake.hpp"
#include "collect/traces.hpp"
#include "telemetry/records.hpp"

namespace {

using namespace bulkhead;
using namespace bulkhead::collect;
using Clock = std::chrono::steady_clock;

constexpr const char* kServices[] = {"gateway",   "checkout", "catalog", "payments",
                                     "inventory", "accounts", "search",  "login"};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

telemetry::TraceId trace_of(std::uint64_t number) {
  std::mt19937_64 random(number);
  telemetry::TraceId id{};
  for (std::uint8_t& octet : id) octet = static_cast<std::uint8_t>(random());
  return id;
}

// Eight spans are a trace; one in fifty fails, one in a thousand is slow.
struct Made {
  telemetry::TraceId trace;
  std::uint64_t span;
  std::string path;
  const char *caller, *callee;
  std::uint16_t status;
  std::int64_t us;
};
Made span_of(std::uint64_t number) {
  const std::uint64_t trace = number / 8, place = number % 8;
  return {trace_of(trace),
          number + 1,
          trace % 2 == 0 ? fmt::format("/items/{}", trace / 2 % 5000) : fmt::format("/carts/{}/lines", trace),
          kServices[place],
          kServices[(place + 1) % 8],
          static_cast<std::uint16_t>(trace % 50 == 49 ? 503 : 200),
          trace % 1000 == 999 ? 900'000 : static_cast<std::int64_t>(500 + trace % 3000)};
}

void measure_reading(const std::string& place, std::uint64_t spans) {
  std::filesystem::create_directories(place + "/records");
  std::filesystem::create_directories(place + "/logs");
  const auto now = std::chrono::system_clock::now();
  for (int source = 0; source < 4; ++source) {
    std::ofstream file(fmt::format("{}/records/checkout-{}", place, source + 1));
    for (std::uint64_t i = 0; i < spans / 4; ++i) {
      const Made made = span_of(i * 4 + static_cast<std::uint64_t>(source));
      telemetry::Span span;
      span.context.trace_id = made.trace;
      for (int octet = 0; octet < 8; ++octet)
        span.context.span_id[static_cast<std::size_t>(7 - octet)] = static_cast<std::uint8_t>(made.span >> (8 * octet));
      span.parent = telemetry::SpanId{1};
      span.hop = "outer";
      const std::string edge = telemetry::edge_members(made.caller, made.callee, 8080);
      span.edge = edge;
      span.instance = "checkout-1";
      span.protocol = "http/1.1";
      span.method = "GET";
      span.path = made.path;
      span.status = made.status;
      span.start = now;
      span.duration = std::chrono::microseconds(made.us);
      file << telemetry::to_line(span) << '\n';
    }
  }
  const double before = cpu_seconds();
  const auto began = Clock::now();
  {
    Intake intake({place + "/records", place + "/logs", {.directory = place + "/read"}},
                  {[](const News&) {}, [](const std::string& text) { fmt::print("{}\n", text); }});
    intake.start();
    while (intake.lines() < spans / 4 * 4) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const double cpu = cpu_seconds() - before, wall = std::chrono::duration<double>(Clock::now() - began).count();
  fmt::print("reading            {:>12.0f} spans/s of processor time, {:.0f} a second that passed\n",
             static_cast<double>(spans) / cpu, static_cast<double>(spans) / wall);
}

void fill(const std::string& place, std::uint64_t spans) {
  const StoreOptions options{.directory = place + "/store",
                             .kept = {std::chrono::hours(24 * 365), ~std::uint64_t{0}},
                             .window_most_spans = ~std::uint64_t{0}};
  const std::int64_t now = unix_ms();
  auto store = *Store::open(options, now - 3'600'000);
  const double before = cpu_seconds();
  for (std::uint64_t done = 0; done < spans;) {
    static_cast<void>(store->window().begin());
    for (int i = 0; i < 20'000 && done < spans; ++i, ++done) {
      const Made made = span_of(done);
      SpanRow row;
      row.trace = made.trace;
      row.span = made.span;
      row.parent = done % 8 == 0 ? 0 : made.span - 1;
      row.start_us = (now - 3'600'000) * 1000 + static_cast<std::int64_t>(done * 3'500'000'000 / spans);
      row.us = made.us;
      row.hop = done % 8 == 0 ? "gateway" : "inner";
      row.caller = made.caller;
      row.callee = made.callee;
      row.instance = "checkout-1";
      row.protocol = "http/1.1";
      row.method = "GET";
      row.path = made.path;
      row.status = made.status;
      static_cast<void>(store->window().add(row));
    }
    static_cast<void>(store->window().commit(now));
    static_cast<void>(store->turn(now - 3'600'000 + static_cast<std::int64_t>(done * 3'500'000 / spans)));
  }
  store.reset();  // waits for the last sealing
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(place + "/store")) bytes += entry.file_size();
  fmt::print("writing, sealing   {:>12.0f} spans/s of processor time; {} octets a span kept\n",
             static_cast<double>(spans) / (cpu_seconds() - before), bytes / spans);
}

template <class Ask>
void measure(const char* what, int times, const Ask& ask) {
  std::vector<double> took;
  for (int i = 0; i < times; ++i) {
    const auto began = Clock::now();
    ask(i);
    took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - began).count());
  }
  std::ranges::sort(took);
  fmt::print("{:<34} {:>9.2f} ms median, {:>9.2f} worst of {}\n", what, took[took.size() / 2], took.back(), times);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t spans = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
  std::string place = (argc > 2 ? std::string(argv[2]) : "/tmp") + "/bulkhead-collect-XXXXXX";
  if (::mkdtemp(place.data()) == nullptr || spans < 1000) return 2;
  measure_reading(place, std::min<std::uint64_t>(spans, 1'000'000));
  fill(place, spans);
  const std::int64_t now = unix_ms();
  auto store = std::shared_ptr<const Store>(
      *Store::open({.directory = place + "/store", .kept = {std::chrono::hours(24 * 365), ~std::uint64_t{0}}}, now));
  Reader reader(store);
  std::vector<std::string> not_seen;
  std::mt19937_64 random(1);
  const auto search = [&](std::string_view query, bool nothing = false) {
    return [&, query, nothing](int) {
      const auto question =
          read_question(query, now, {"from", "to", "service", "route", "min_ms", "error", "denied", "q", "limit"});
      const auto found = search_traces(reader, *question, not_seen);
      if (!found || (*found)["traces"].empty() != nothing) fmt::print("not what was to be found by {}\n", query);
    };
  };
  measure("a trace by its id, among all", 200,
          [&](int) { static_cast<void>(whole_trace(reader, trace_of(random() % (spans / 8)), not_seen)); });
  measure("the newest 50", 20, search("from=2h"));
  measure("the newest 50 of a service", 20, search("from=2h&service=payments"));
  measure("the newest 50 that failed", 20, search("from=2h&error=1"));
  measure("the newest 50 above 800 ms", 20, search("from=2h&min_ms=800"));
  measure("50 by the middle of a path", 20, search("from=2h&q=items/4711"));
  measure("50 by the start of a path", 20, search("from=2h&route=/items/4711"));
  measure("one by an id in its path", 20, search("from=2h&q=/100001/"));
  measure("by a text that nothing has", 20, search("from=2h&q=o-8841237", true));
  measure("by a path that nothing has", 20, search("from=2h&route=/orders", true));
  measure("above 800 ms, by the start of a path", 20, search("from=2h&min_ms=800&route=/carts/1"));
  std::filesystem::remove_all(place);
  return 0;
}
