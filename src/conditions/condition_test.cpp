#include "conditions/condition.hpp"

#include <atomic>
#include <cstdlib>
#include <new>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "conditions/sample.hpp"
#include "conditions/steps.hpp"

// The thread sanitizer has operators of its own, which can not be replaced.
#if !__has_feature(thread_sanitizer)
#define COUNTS_ALLOCATIONS
namespace {
thread_local std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace bulkhead::conditions {
namespace {

using sample::Request;

Condition compiled(std::string_view source) {
  auto condition = Condition::compile(source, Request::environment());
  if (!condition) throw std::invalid_argument(std::string(source) + ": " + condition.error().message);
  return std::move(*condition);
}

// "true", "false" or why not.
std::string outcome(std::string_view source, const Request& request = {}) {
  Arena arena;
  const auto result = compiled(source).evaluate(request, arena);
  if (!result) return std::string(to_string(result.error().reason));
  return *result ? "true" : "false";
}

Mistake mistake(std::string_view source) {
  const auto condition = Condition::compile(source, Request::environment());
  return condition ? Mistake{"it is accepted"} : condition.error();
}

const std::string_view kTypical =
    R"(user.claims.tier == "gold" && request.path.startsWith("/v2/") && caller.service == "checkout" && resource.owner == user.sub)";

TEST(Condition, HoldsForARequestThatMeetsIt) {
  EXPECT_EQ(outcome(kTypical), "true");
  Request other;
  sample::json user = other.user->json();
  user["claims"]["tier"] = "silver";
  other.user.emplace(user);
  EXPECT_EQ(outcome(kTypical, other), "false");
  user["claims"].erase("tier");
  other.user.emplace(user);
  EXPECT_EQ(outcome(kTypical, other), "the map has no such key");
}

TEST(Condition, AsksOnlyForWhatItNeeds) {
  Request request;
  request.path_text = "/v1/";
  EXPECT_EQ(outcome(R"(request.path.startsWith("/v2/") && user.claims.tier == "gold")", request), "false");
  EXPECT_EQ(request.asked[Request::path], 1);
  EXPECT_EQ(request.asked[Request::user_claims], 0);
}

TEST(Condition, TellsWhichVariablesItReads) {
  const Condition condition = compiled(kTypical);
  EXPECT_TRUE(condition.reads(Request::resource));
  EXPECT_TRUE(condition.reads(Request::user_claims));
  EXPECT_FALSE(condition.reads(Request::headers));
}

struct Sentence {
  std::string_view source;
  std::string_view outcome;
};

void expect_all(std::span<const Sentence> sentences) {
  for (const auto& [source, wanted] : sentences) EXPECT_EQ(outcome(source), wanted) << source;
}

constexpr Sentence kOperators[] = {
    {"1 + 2 * 3 == 7 && 7 / 2 == 3 && 7 % 4 == 3 && -(3) == -3", "true"},
    {"ids[0] + 9223372036854775807 > 0", "the result is out of range"},
    {"ids[0] / (ids[0] - 1) == 1", "division by zero"},
    {"uint(ids[0]) - 3u == 0u", "the result is out of range"},
    {"1.0 / 0.0 > 1e308", "true"},
    {"'a' + 'b' == 'ab' && b'a' + b'b' == b'ab' && [1] + [2] == [1, 2]", "true"},
    {"1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3 && 1 != 2", "true"},
    {"1 < 1.5 && 2u > 1 && 'a' < 'b' && false < true && b'a' < b'b'", "true"},
    {"dyn(1) == 1.0 && dyn(1u) == 1 && dyn('1') != 1", "true"},
    {"[1, 2] == [1, 2] && [1] != [1, 2] && {'a': 1} == {'a': 1} && {'a': 1} != {'a': 2}", "true"},
    {"!false && !(ids[0] == 2)", "true"},
    {"ids[0] == 1 ? true : ids[9] == 1", "true"},
    {"'buyer' in user.claims.roles && 'x-region' in request.headers && !(7 in ids)", "true"},
    {"ids[2] == 3 && request.headers['x-region'] == 'eu'", "true"},
    {"ids[3] == 3", "the index is out of range"},
    {"ids[-1] == 3", "the index is out of range"},
    {"request.headers['x-none'] == ''", "the map has no such key"},
    {"request.headers.`content-type` == 'application/json'", "true"},
    {"user.claims.tier.name == 'x'", "there is no such operation for values of these types"},
    {"user.claims.limits.orders == 3 && user.claims.score > 1.0 && user.claims.none == null", "true"},
    {"user.claims.tier > 1", "there is no such operation for values of these types"},
    {"{'a': ids[0], 'b': 2}.a == 1 && {request.method: 1} == {'GET': 1}", "true"},
    {"{request.method: 1, 'GET': 2} == {}", "the map has a key twice"},
    {"type(user.claims.age) == int && type(user.claims.roles) == list", "true"},
};

TEST(Condition, GivesEachOperatorItsMeaning) { expect_all(kOperators); }

constexpr Sentence kLogic[] = {
    {"ids[9] == 1 || true", "true"},
    {"true || ids[9] == 1", "true"},
    {"ids[9] == 1 && false", "false"},
    {"false && ids[9] == 1", "false"},
    {"ids[9] == 1 || false", "the index is out of range"},
    {"ids[9] == 1 && true", "the index is out of range"},
    {"ids[9] == 1 || request.headers.a == '' || true", "true"},
    {"user.claims.tier || true", "true"},
    {"user.claims.tier && true", "there is no such operation for values of these types"},
    {"user.claims.tier ? true : false", "there is no such operation for values of these types"},
    {"user.claims.active && true", "true"},
};

TEST(Condition, LetsADecisiveOperandOutweighAFailure) { expect_all(kLogic); }

constexpr Sentence kMacros[] = {
    {"has(user.claims.tier) && !has(user.claims.plan) && has(user.claims.limits.orders)", "true"},
    {"has(user.claims.tier.name)", "there is no such operation for values of these types"},
    {"ids.all(i, i > 0) && !ids.all(i, i > 1) && [].all(i, false)", "true"},
    {"ids.all(i, 6 / (i - 1) > 3 && i > 1)", "false"},
    {"ids.all(i, 6 / (i - 1) > 0)", "division by zero"},
    {"ids.exists(i, i == 2) && !ids.exists(i, i == 7)", "true"},
    {"ids.exists(i, 6 / (i - 1) == 3)", "true"},
    {"ids.exists(i, 6 / (i - 1) == 7)", "division by zero"},
    {"ids.exists_one(i, i > 2) && !ids.exists_one(i, i > 1)", "true"},
    {"ids.exists_one(i, 6 / (i - 1) == 3)", "division by zero"},
    {"ids.map(i, i * 2) == [2, 4, 6]", "true"},
    {"ids.map(i, i > 1, i * 2) == [4, 6]", "true"},
    {"ids.filter(i, i != 2) == [1, 3]", "true"},
    {"request.headers.all(name, name.size() > 3)", "true"},
    {"user.claims.roles.exists(role, role == 'staff')", "true"},
    {"user.claims.tier.exists(role, role == 'staff')", "there is no such operation for values of these types"},
    {"ids.all(i, ids.exists(j, j == i && ids.size() == 3))", "true"},
    {"ids.map(ids, ids + 1) == [2, 3, 4]", "true"},
};

TEST(Condition, GivesEachMacroItsMeaning) { expect_all(kMacros); }

constexpr Sentence kFunctions[] = {
    {"size('añb') == 3 && size(b'añb') == 4 && ids.size() == 3 && request.headers.size() == 2", "true"},
    {"request.path.contains('orders') && request.path.startsWith('/v2') && request.path.endsWith('42')", "true"},
    {"request.path.matches('^/v[0-9]+/orders/[0-9]+$') && matches(request.method, 'G|P')", "true"},
    {"int('42') == 42 && uint('42') == 42u && double('1.5') == 1.5 && string(42) == '42' && bool('true')", "true"},
    {"int(user.claims.tier) == 1", "the text can not be converted"},
    {"string(b'\\xff' + b'') == ''", "the bytes are not UTF-8"},
    {"now > timestamp('2026-02-02T00:00:00Z') && now - duration('3h') < timestamp('2026-02-02T00:00:00Z')", "true"},
    {"now.getFullYear() == 2026 && now.getMonth() == 1 && now.getDate() == 2 && now.getDayOfMonth() == 1", "true"},
    {"now.getDayOfWeek() == 1 && now.getDayOfYear() == 32 && now.getHours() == 2 && now.getMinutes() == 40", "true"},
    {"now.getSeconds() == 0 && now.getMilliseconds() == 500 && now.getHours('-03:30') == 23", "true"},
    {"now.getDate('-03:30') == 1 && now.getHours('+01:00') == 3 && now.getHours('UTC') == 2", "true"},
    {"now.getHours(user.claims.tier) == 1", "the time zone is neither UTC nor an offset such as +01:00"},
    {"string(now) == '2026-02-02T02:40:00.5Z' && string(duration('90s')) == '90s'", "true"},
    {"duration('90m').getHours() == 1 && duration('90m') == duration('1h30m') && duration('-1.5s') < duration('0')",
     "true"},
    {"request.path.split('/') == ['', 'v2', 'orders', '42'] && request.path.split('/')[3].charAt(0) == '4'", "true"},
    {"request.path.substring(1, 3) == 'v2' && request.path.indexOf('o') == 4", "true"},
    {"request.path.lastIndexOf('/') == 10 && request.path.lastIndexOf('/', 9) == 3", "true"},
    {"request.path.substring(3, 1) == ''", "the index is out of range"},
    {"' a '.trim() == 'a' && 'aB'.upperAscii() == 'AB' && 'aB'.lowerAscii() == 'ab'", "true"},
    {"'aa'.replace('a', 'b') == 'bb' && 'aa'.replace('a', 'b', 1) == 'ba' && 'abc'.replace('', '-') == '-a-b-c-'",
     "true"},
    {"user.claims.roles.join('+') == 'buyer+staff' && 'ab'.split('') == ['a', 'b'] && ids.map(i, string(i)).join() == "
     "'123'",
     "true"},
};

TEST(Condition, GivesEachFunctionItsMeaning) { expect_all(kFunctions); }

struct Refusal {
  std::string_view source;
  std::string_view message;
  int line;
  int column;
};

constexpr Refusal kRefusals[] = {
    {"", "the expression ends where a value should follow", 1, 1},
    {"user.claims.tier == ", "the expression ends where a value should follow", 1, 21},
    {"request.pth == 'x'", "no name is 'request.pth'; did you mean 'request.path'?", 1, 1},
    {"user.claim.tier == 'x'", "no name is 'user.claim.tier'; did you mean 'user.claims.tier'?", 1, 1},
    {"true &&\n  caller == 'x'", "no name is 'caller'; there are caller.service", 2, 3},
    {"'é' == 'é' && trim(1)", "there is no trim(int); there is string.trim()", 1, 15},
    {"request.path.startWith('/')", "no function is 'startWith'; did you mean 'startsWith'?", 1, 14},
    {"startsWith(request.path, '/')", "there is no startsWith(string, string); there is string.startsWith(string)", 1,
     1},
    {"request.path == 1", "there is no string == int: both values have the same type", 1, 14},
    {"request.path && true", "there is no string && bool; there is bool && bool", 1, 14},
    {"request.path.size == 1", "there is no field 'size': string has none", 1, 14},
    {"request.path", "a condition gives a bool, not string", 1, 1},
    {"user.claims.active",
     "a condition gives a bool, and the type of this is known only when a request comes: compare it, as in x == true",
     1, 1},
    {"ids.all(i, i)", "all() asks for a bool of each element, not int", 1, 12},
    {"ids.all(1, true)", "the first argument of all() is a name for each element, as in xs.all(x, x > 0)", 1, 9},
    {"request.path.all(c, true)", "all() goes over lists and the keys of maps, not over string", 1, 14},
    {"has(ids)", "has() takes one field, as in has(user.claims.tier)", 1, 1},
    {"request.path.matches(request.method)",
     "the pattern of matches() is a text that stands in the condition, so that it is read once", 1, 30},
    {"request.path.matches('(')", "this is no regular expression of RE2: missing ): (", 1, 22},
    {"now > timestamp('today')", "this is no timestamp: one is written 2026-01-31T09:30:00Z", 1, 7},
    {"now - duration('1 hour') < now", "this is no duration: one is written 1h30m, 20s or 150ms", 1, 7},
    {"now.getHours('Europe/Berlin') > 8",
     "a time zone is UTC or an offset such as +01:00: conditions know no names of zones", 1, 14},
    {"Order{id: 1} == Order{id: 1}", "messages can not be made in conditions: they have lists and maps alone", 1, 1},
    {"user.?claims.orValue(true)", "optional values are not part of conditions: use has()", 1, 6},
    {"optional.of(1).hasValue()", "optional values are not part of conditions: use has()", 1, 1},
    {"math.greatest(1, 2) == 2", "the functions of math are not part of conditions", 1, 1},
    {"google.protobuf.Int64Value == type(1)", "of google.protobuf conditions have Timestamp and Duration alone", 1, 1},
    {"{1.5: 2} == {}", "a map's key is a bool, int, uint or string, not double", 1, 2},
    {"9223372036854775808 > 0",
     "9223372036854775808 does not fit an int, which is from -9223372036854775808 to 9223372036854775807", 1, 1},
    {"'\\q' == ''", "'\\q' is no escape: write \\\\ for a backslash", 1, 2},
    {"'abc' == 'abc", "the text that begins here does not end with '", 1, 10},
    {"1 = 1", "unexpected '=' behind the end of the expression", 1, 3},
    {"1 == 1 // comment\n #", "unexpected '#'", 2, 2},
    {"if == 1", "'if' is a reserved word, and so no name", 1, 1},
    {"\xff", "the expression is not UTF-8 here", 1, 1},
};

TEST(Condition, RefusesWithThePlaceAndWhatWouldBeRight) {
  for (const auto& [source, message, line, column] : kRefusals) {
    const Mistake found = mistake(source);
    EXPECT_EQ(found.message, message) << source;
    EXPECT_EQ(found.line, line) << source;
    EXPECT_EQ(found.column, column) << source;
  }
}

std::string repeated(std::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

TEST(Condition, RefusesWhatIsNestedTooDeeplyOrTooLong) {
  EXPECT_EQ(outcome(repeated("(", 60) + "true" + repeated(")", 60)), "true");
  EXPECT_EQ(mistake(repeated("(", 5'000)).message, "more than 64 expressions are nested here");
  EXPECT_EQ(mistake(repeated("!", 5'000) + "true").message, "more than 160 operations are nested here");
  EXPECT_EQ(mistake("1" + repeated("+1", 4'000) + "==1").message, "more than 160 operations are nested here");
  EXPECT_EQ(mistake("user" + repeated(".a", 4'000) + "==1").message, "more than 160 operations are nested here");
  EXPECT_EQ(mistake(repeated("[1].all(x, ", 9) + "true" + repeated(")", 9)).message,
            "more than 8 loops are nested here");
  EXPECT_EQ(mistake(repeated(" ", 9'000)).message, "the expression has more than 8192 bytes");
  EXPECT_EQ(outcome("true" + repeated(" && true", 900)), "true");
}

TEST(Condition, RefusesLoopsThatMayTakeTooLong) {
  EXPECT_EQ(outcome("ids.all(i, ids.all(j, i + j > 0))"), "true");
  const Mistake found = mistake("true && ids.all(i, ids.all(j, ids.all(k, i + j + k > 0)))");
  EXPECT_TRUE(found.message.starts_with("the condition may take ")) << found.message;
  EXPECT_TRUE(found.message.ends_with("with lists of 64 elements and texts of 4096 bytes: nest fewer loops"))
      << found.message;
  EXPECT_EQ(found.column, 13);
}

TEST(Condition, IsEstimatedByItsLoopsAndTexts) {
  EXPECT_LT(compiled(kTypical).steps(), 400U);
  EXPECT_GT(compiled("ids.all(i, i > 0)").steps(), 64U * 3);
  EXPECT_LT(compiled("[1, 2].all(i, i > 0)").steps(), 20U);
}

TEST(Condition, StopsWhereARequestMakesItTakeTooLong) {
  Request request;
  sample::json ids = sample::json::array();
  for (int i = 0; i < 1'000; ++i) ids.push_back(i);
  request.id_list.emplace(std::move(ids));
  const std::string_view late = "it takes more steps than a condition may";
  EXPECT_EQ(outcome("ids.all(i, ids.all(j, i + j >= 0))", request), late);
  EXPECT_EQ(outcome("ids.all(i, ids.all(j, i + j >= 0)) || true", request), late);
  EXPECT_EQ(outcome("ids.exists(i, ids.exists(j, i + j < 0)) || true", request), late);
}

TEST(Condition, StopsWhereARequestMakesItTakeTooMuchMemory) {
  Request request;
  request.path_text.assign(100'000, 'x');
  const std::string_view full = "it takes more memory than a condition may";
  EXPECT_EQ(outcome("request.path + request.path != ''", request), full);
  EXPECT_EQ(outcome("request.path.split('') != []", request), full);
}

TEST(Condition, SaysWhatFailedWithoutTheRequestsValues) {
  const Condition condition = compiled("request.method == 'GET' &&\n  user.claims.plan == 'x'");
  Arena arena;
  const auto result = condition.evaluate(Request(), arena);
  ASSERT_FALSE(result);
  EXPECT_EQ(condition.describe(result.error()), "the map has no such key: 'plan' at 2:15 of the condition");
}

TEST(Condition, WhatIsKnownLaterOutlastsOtherFailures) {
  Request request;
  request.resources.reset();
  const std::string_view later = "it is not known here";
  EXPECT_EQ(outcome("resource.owner == user.sub", request), later);
  EXPECT_EQ(outcome("user.claims.plan == 'x' || resource.owner == user.sub", request), later) << "it may hold yet";
  EXPECT_EQ(outcome("resource.owner == user.sub || user.claims.plan == 'x'", request), later);
  EXPECT_EQ(outcome("ids.exists(i, i == 1 && user.claims.plan == 'x' || i == 2 && resource.total == 2)", request),
            later);
  EXPECT_EQ(outcome("has(resource.owner) && resource.owner == user.sub", request), later);
  EXPECT_EQ(outcome("user.sub == 'u-18' && resource.owner == user.sub", request), "false") << "whatever it is";
  EXPECT_EQ(outcome("user.sub == 'u-17' || resource.owner == user.sub", request), "true");
  EXPECT_EQ(outcome("user.claims.plan == resource.owner", request), "the map has no such key") << "whatever it is";
  EXPECT_EQ(outcome("resource.owner == user.claims.plan", request), "the map has no such key");
}

TEST(Condition, NamesTheFieldsOfAVariable) {
  const Condition condition = compiled(
      "resource.owner == user.sub && has(resource.total) && resource['owner'] != '' && user.claims.tier != ''");
  EXPECT_EQ(condition.fields_of(Request::resource), (std::vector<std::string>{"owner", "total"}));
  EXPECT_EQ(condition.fields_of(Request::user_claims), (std::vector<std::string>{"tier"}));
  EXPECT_EQ(condition.fields_of(Request::path), (std::vector<std::string>{}));
}

TEST(Condition, IsEvaluatedByManyThreadsAtOnce) {
  const Condition condition = compiled("request.path.matches('^/v2/') && ids.map(i, i + 1).size() == 3");
  std::vector<std::jthread> threads;
  std::atomic<int> held = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Arena arena;
      const Request request;
      for (int turn = 0; turn < 200; ++turn) held += condition.evaluate(request, arena).value_or(false) ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(held, 800);
}

#ifdef COUNTS_ALLOCATIONS
TEST(Condition, AllocatesNothingWhileItIsEvaluated) {
  const std::string_view sources[] = {
      kTypical,
      "ids.map(i, i > 1, string(i) + '!').join(',') == '2!,3!' && {'a': ids}.a == [1, 2, 3]",
      "user.claims.roles.exists(r, r in ['staff', 'admin']) && user.claims.limits == {'orders': 3}",
      "request.path.split('/').filter(p, p != '').size() == 3 && now.getFullYear() > 2000",
      "string(now).startsWith('2026') && string(1.5) == '1.5' && string(now - now) == '0s'",
      "request.headers.none == 'x' || request.path.replace('/', '.') == '.v2.orders.42'",
      "request.path.matches('^/v[0-9]+/')",
  };
  const Request request;
  Arena arena;
  for (const std::string_view source : sources) {
    const Condition condition = compiled(source);
    ASSERT_EQ(condition.evaluate(request, arena), true) << source;  // RE2 learns
    const std::size_t before = allocations;
    const auto held = condition.evaluate(request, arena);
    EXPECT_EQ(allocations, before) << source;
    EXPECT_EQ(held, true);
  }
  const Condition failing = compiled("user.claims.plan == 'x'");
  const std::size_t before = allocations;
  EXPECT_FALSE(failing.evaluate(request, arena));
  EXPECT_EQ(allocations, before);
}
#endif

}  // namespace
}  // namespace bulkhead::conditions
