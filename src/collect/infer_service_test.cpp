#include "collect/infer_service_test.hpp"

#include <algorithm>
#include <cmath>
#include <queue>
#include <random>
#include <unordered_set>

namespace bulkhead::collect::simulated {

namespace {

// One request as the program handles it: its calls, and when it answers.
class Program {
 public:
  Program(std::mt19937_64& random, double spread, std::int64_t start) : random_(random), spread_(spread), now_(start) {}

  void compute(double median_us) { now_ += lognormal(median_us, spread_); }
  void wait(double median_us) { now_ += lognormal(median_us, 0.1); }

  void call(std::uint32_t target, double median_us) {
    std::int64_t end = now_ + lognormal(median_us, 0.5);
    calls_.push_back({0, target, now_, end, {}});
    now_ = end;
  }

  // All begin one after the other, and are awaited together.
  void together(const std::vector<std::pair<std::uint32_t, double>>& targets) {
    std::int64_t last = now_;
    for (auto [target, median_us] : targets) {
      std::int64_t end = now_ + lognormal(median_us, 0.5);
      calls_.push_back({0, target, now_, end, {}});
      last = std::max(last, end);
      compute(20);
    }
    now_ = std::max(last, now_);
  }

  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  int between(int least, int most) { return std::uniform_int_distribution(least, most)(random_); }
  std::int64_t lognormal(double median_us, double sigma) {
    return std::max<std::int64_t>(1, std::llround(median_us * std::exp(std::normal_distribution(0.0, sigma)(random_))));
  }
  void answer() { answered_ = now_; }  // and goes on

  std::int64_t now() const { return now_; }
  std::int64_t answered() const { return answered_ == 0 ? now_ : answered_; }
  std::vector<Outgoing>& calls() { return calls_; }

 private:
  std::mt19937_64& random_;
  double spread_;
  std::int64_t now_;
  std::int64_t answered_ = 0;
  std::vector<Outgoing> calls_;
};

enum Target : std::uint32_t { catalog, stock, price, payment, mail, cache };

using Handler = void (*)(Program&, std::uint32_t& endpoint);

void chain(Program& p, std::uint32_t&) {
  p.compute(400);
  p.call(catalog, 4'000);
  p.compute(300);
  p.call(stock, 3'000);
  p.compute(300);
  p.call(payment, 8'000);
  p.compute(500);
}

void fan_out(Program& p, std::uint32_t&) {
  p.compute(400);
  p.together({{catalog, 5'000}, {stock, 3'000}, {price, 6'000}});
  p.compute(300);
  p.call(payment, 8'000);
  p.compute(400);
}

void one_each(Program& p, std::uint32_t&) {
  p.compute(400);
  p.call(catalog, 4'000);
  for (int left = p.between(2, 8); left > 0; --left) {
    p.compute(150);
    p.call(price, 2'000);
  }
  p.compute(400);
}

void cached(Program& p, std::uint32_t&) {
  p.compute(300);
  p.call(cache, 500);
  if (p.chance(0.4)) {
    p.compute(200);
    p.call(catalog, 6'000);
  }
  p.compute(200);
  if (p.chance(0.7)) p.call(price, 3'000);
  p.compute(400);
}

void retrying(Program& p, std::uint32_t&) {
  p.compute(400);
  p.call(stock, 3'000);
  for (int again = 0; again < 2 && p.chance(0.15); ++again) {
    p.wait(5'000);
    p.call(stock, 3'000);
  }
  p.compute(300);
  p.call(payment, 6'000);
  p.compute(400);
}

void mixed(Program& p, std::uint32_t& endpoint) {
  endpoint = static_cast<std::uint32_t>(p.between(0, 2));
  if (endpoint == 0) return chain(p, endpoint);
  if (endpoint == 1) return cached(p, endpoint);
  p.compute(600);
  p.together({{catalog, 4'000}, {price, 3'000}});
  p.compute(500);
}

void later(Program& p, std::uint32_t&) {
  p.compute(400);
  p.call(payment, 6'000);
  p.compute(300);
  p.answer();
  p.compute(800);
  p.call(mail, 3'000);
}

struct Kind {
  Shape shape;
  Handler handler;
  int workers = 0;          // 0: as many as there are requests
  double heartbeat_us = 0;  // calls to stock by nobody
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {{"chain", "three calls, one after the other"}, chain},
      {{"fan-out", "three at once, then one"}, fan_out},
      {{"one-each", "one call, then two to eight to the same (N+1)"}, one_each},
      {{"cached", "optional calls behind a cache"}, cached},
      {{"retries", "15 % of the calls are repeated"}, retrying},
      {{"mixed", "three endpoints whose callees overlap"}, mixed},
      {{"later", "one call, and one after the answer, which is nobody's"}, later},
      {{"beats", "the chain, and calls that no request makes, every 5 ms"}, chain, 0, 5'000},
      {{"pool", "the chain behind eight workers: requests wait in a queue"}, chain, 8},
  };
  return all;
}

const Kind& kind_of(const std::string& name) {
  return *std::ranges::find_if(kinds(), [&](const Kind& kind) { return kind.shape.name == name; });
}

}  // namespace

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = [] {
    std::vector<Shape> names;
    for (const Kind& kind : kinds()) names.push_back(kind.shape);
    return names;
  }();
  return all;
}

Traffic simulate(const Load& load) {
  const Kind& kind = kind_of(load.shape);
  std::mt19937_64 random(load.seed);
  Traffic traffic;
  using Times = std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>>;
  Times arrivals;
  Times workers;
  for (int i = 0; i < load.clients; ++i) {
    arrivals.push(load.begin_us + std::uniform_int_distribution(0, 20'000)(random));
  }
  for (int i = 0; i < kind.workers; ++i) workers.push(load.begin_us);
  std::uint64_t id = 0;
  double busy_us = 0;
  std::int64_t last = load.begin_us;
  for (std::size_t i = 0; i < load.requests; ++i) {
    std::int64_t arrival = arrivals.top();
    arrivals.pop();
    std::int64_t begin = arrival;
    if (kind.workers > 0) {
      begin = std::max(begin, workers.top());
      workers.pop();
    }
    Program program(random, load.spread, begin);
    std::uint32_t endpoint = 0;
    kind.handler(program, endpoint);
    std::int64_t end = program.answered();
    if (kind.workers > 0) workers.push(program.now());
    arrivals.push(end + program.lognormal(1'000, 0.8));
    Incoming request{++id, endpoint, arrival, end};
    for (Outgoing call : program.calls()) {
      call.id = ++id;
      traffic.calls.push_back(call);
      if (call.end_us <= end) traffic.parents[call.id] = request.id;
    }
    traffic.requests.push_back(request);
    busy_us += static_cast<double>(end - arrival);
    last = std::max(last, end);
  }
  if (kind.heartbeat_us > 0) {
    for (std::int64_t at = load.begin_us; at < last;) {
      Program program(random, 0.6, at);
      program.compute(kind.heartbeat_us);
      at = program.now();
      program.call(stock, 2'000);
      Outgoing call = program.calls().front();
      call.id = ++id;
      traffic.calls.push_back(call);
    }
  }
  traffic.busy = busy_us / static_cast<double>(last - load.begin_us);
  return traffic;
}

std::vector<Join> infer(Inference& inference, const Traffic& traffic, double told) {
  struct Item {
    std::int64_t end;
    std::variant<Incoming, Outgoing> span;
  };
  std::vector<Item> items;
  std::unordered_set<std::uint64_t> telling;
  for (const Incoming& request : traffic.requests) {
    items.push_back({request.end_us, request});
    if (static_cast<double>((request.id * 0x9e3779b97f4a7c15) >> 11) * 0x1p-53 < told) telling.insert(request.id);
  }
  for (Outgoing call : traffic.calls) {
    auto parent = traffic.parents.find(call.id);
    if (parent != traffic.parents.end() && telling.contains(parent->second)) call.parent = parent->second;
    items.push_back({call.end_us, call});
  }
  std::ranges::sort(items, {}, [](const Item& item) { return std::pair(item.end, item.span.index()); });
  std::vector<Join> joins;
  auto keep = [&joins](std::vector<Join> more) { joins.insert(joins.end(), more.begin(), more.end()); };
  std::int64_t settled = 0;
  for (const Item& item : items) {
    std::visit([&](const auto& span) { inference.add(span); }, item.span);
    if (item.end < settled + 500'000) continue;
    settled = item.end;
    keep(inference.settle(item.end));
  }
  keep(inference.settle(INT64_MAX));
  return joins;
}

Score score(const Traffic& traffic, const std::vector<Join>& joins, std::int64_t from_us) {
  Score result;
  std::unordered_map<std::uint64_t, std::uint64_t> starts;
  std::unordered_map<std::uint64_t, bool> whole;
  for (const Incoming& request : traffic.requests) {
    starts[request.id] = static_cast<std::uint64_t>(request.start_us);
    if (request.start_us >= from_us) whole[request.id] = true;
  }
  std::unordered_map<std::uint64_t, Join> joined;
  for (const Join& join : joins) joined.emplace(join.outgoing, join);
  std::array<double, 10> confidence{};
  auto spoil = [&](std::uint64_t request) {
    if (whole.contains(request)) whole[request] = false;
  };
  for (const Outgoing& call : traffic.calls) {
    if (call.start_us < from_us) continue;
    auto truth = traffic.parents.find(call.id);
    auto join = joined.find(call.id);
    if (truth != traffic.parents.end()) ++result.calls;
    bool right = truth != traffic.parents.end() && join != joined.end() && join->second.incoming == truth->second;
    if (right) ++result.right;
    if (!right && truth != traffic.parents.end()) spoil(truth->second);
    if (join == joined.end()) continue;
    if (!right) spoil(join->second.incoming);
    ++result.joins;
    auto band = std::min<std::size_t>(9, static_cast<std::size_t>(join->second.confidence * 10));
    ++result.in_band[band];
    confidence[band] += join->second.confidence;
    if (right) ++result.right_in_band[band];
  }
  result.requests = whole.size();
  result.whole = static_cast<std::size_t>(std::ranges::count_if(whole, [](const auto& entry) { return entry.second; }));
  for (std::size_t i = 0; i < 10; ++i) {
    result.expected_error += std::abs(confidence[i] - static_cast<double>(result.right_in_band[i]));
  }
  result.expected_error /= std::max<double>(1, static_cast<double>(result.joins));
  return result;
}

}  // namespace bulkhead::collect::simulated
