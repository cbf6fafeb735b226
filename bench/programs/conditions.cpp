// What one evaluation of a condition costs, on a request whose claims are JSON.   conditions [TURNS]

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "conditions/condition.hpp"
#include "conditions/sample.hpp"

namespace {

using namespace bulkhead::conditions;

struct Case {
  std::string_view name;
  std::string_view source;
};

constexpr Case kCases[] = {
    {"one comparison", R"(request.method == "GET")"},
    {"typical",
     R"(user.claims.tier == "gold" && request.path.startsWith("/v2/") && caller.service == "checkout" && resource.owner == user.sub)"},
    {"denied by the first operand", R"(user.claims.tier == "silver" && request.path.startsWith("/v2/"))"},
    {"a claim is missing", R"(user.claims.plan == "gold")"},
    {"role in a list", R"(user.claims.roles.exists(r, r in ["staff", "admin"]))"},
    {"time of day", R"(now.getHours("+01:00") >= 3 && now < timestamp("2030-01-01T00:00:00Z"))"},
    {"pattern", R"(request.path.matches("^/v[0-9]+/orders/[0-9]+$"))"},
    {"map and join", R"(ids.map(i, string(i)).join(",") == "1,2,3")"},
};
constexpr int kRounds = 9;

// Of this thread on a processor: what else the machine does is not counted.
double cpu_nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

double nanoseconds(const Condition& condition, const sample::Request& request, Arena& arena, int turns) {
  const double begin = cpu_nanoseconds();
  int held = 0;
  for (int i = 0; i < turns; ++i) held += condition.evaluate(request, arena).value_or(false) ? 1 : 0;
  const double taken = cpu_nanoseconds() - begin;
  if (held != 0 && held != turns) std::abort();
  return taken / turns;
}

}  // namespace

int main(int count, char** words) {
  const int turns = count > 1 ? std::atoi(words[1]) : 200'000;
  const Environment environment = sample::Request::environment();
  const sample::Request request;
  Arena arena;
  fmt::print("{:30} {:>8} {:>8}   median and least of {} rounds of {} evaluations\n", "condition", "ns", "least",
             kRounds, turns);
  for (const Case& each : kCases) {
    const auto condition = Condition::compile(each.source, environment);
    if (!condition) {
      fmt::print("{}: {}\n", each.name, condition.error().message);
      return 1;
    }
    std::vector<double> rounds;
    for (int i = 0; i < kRounds; ++i) rounds.push_back(nanoseconds(*condition, request, arena, turns));
    std::ranges::sort(rounds);
    fmt::print("{:30} {:8.0f} {:8.0f}\n", each.name, rounds[kRounds / 2], rounds[0]);
  }
  return 0;
}
