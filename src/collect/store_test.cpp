#include "collect/store.hpp"

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "collect/events.hpp"
#include "collect/evidence.hpp"
#include "collect/flows.hpp"
#include "collect/record_line.hpp"
#include "collect/traces.hpp"
#include "policy/model.hpp"
#include "telemetry/histogram.hpp"

namespace bulkhead::collect {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kNow = 1'790'000'000'000;

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string pattern = testing::TempDir() + "store-XXXXXX";
    options_.directory = ::mkdtemp(pattern.data());
  }
  ~StoreTest() override { std::filesystem::remove_all(options_.directory); }

  std::shared_ptr<Store> open(std::int64_t now = kNow) {
    auto store = Store::open(options_, now);
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return std::move(*store);
  }

  static telemetry::TraceId trace_id(unsigned number) {
    telemetry::TraceId id{};
    id[0] = 1;
    id[14] = static_cast<std::uint8_t>(number >> 8U);
    id[15] = static_cast<std::uint8_t>(number);
    return id;
  }

  // A request from the gateway to `callee`, as both sides saw it.
  static void add_request(Window& window, unsigned number, std::string_view callee, std::int64_t status,
                          std::int64_t us, std::int64_t at_ms = kNow) {
    SpanRow row;
    row.trace = trace_id(number);
    row.span = 10;
    row.start_us = at_ms * 1000;
    row.us = us;
    row.hop = "gateway";
    row.caller = policy::kGateway;
    row.callee = callee;
    row.method = "GET";
    const std::string path = fmt::format("/items/{}", number);
    row.path = path;
    row.status = status;
    row.protocol = "http/1.1";
    ASSERT_TRUE(window.add(row).has_value());
    row.span = 11;
    row.parent = 10;
    row.hop = "inner";
    row.start_us += 5;
    row.us -= 10;
    ASSERT_TRUE(window.add(row).has_value());
  }

  static void in_transaction(Window& window, const std::function<void()>& write) {
    ASSERT_TRUE(window.begin().has_value());
    write();
    ASSERT_TRUE(window.commit(kNow).has_value());
  }

  static Question asked(std::string_view query, std::vector<std::string_view> names) {
    names.insert(names.end(), {"from", "to", "limit"});
    auto question = read_question(query, kNow + 1000, names);
    EXPECT_TRUE(question.has_value()) << question.error().message;
    return *question;
  }

  std::vector<std::string> paths_found(const std::shared_ptr<Store>& store, std::string_view query) {
    Reader reader(store);
    const auto found =
        search_traces(reader, asked(query, {"service", "route", "min_ms", "error", "denied", "q"}), not_seen_);
    EXPECT_TRUE(found.has_value()) << found.error().message;
    std::vector<std::string> paths;
    for (const json& trace : (*found)["traces"]) paths.push_back(trace["path"]);
    return paths;
  }

  StoreOptions options_;
  std::vector<std::string> not_seen_;
};

TEST_F(StoreTest, TracesAreFoundByWhatTheyAre) {
  const auto store = open();
  in_transaction(store->window(), [&] {
    add_request(store->window(), 1, "catalog", 200, 1'000, kNow);
    add_request(store->window(), 2, "checkout", 503, 2'000, kNow + 1);
    add_request(store->window(), 3, "checkout", 200, 900'000, kNow + 2);
  });
  EXPECT_THAT(paths_found(store, ""), ElementsAre("/items/3", "/items/2", "/items/1"));
  EXPECT_THAT(paths_found(store, "service=catalog"), ElementsAre("/items/1"));
  EXPECT_THAT(paths_found(store, "service=nobody"), IsEmpty());
  EXPECT_THAT(paths_found(store, "error=1"), ElementsAre("/items/2"));
  EXPECT_THAT(paths_found(store, "min_ms=500"), ElementsAre("/items/3"));
  EXPECT_THAT(paths_found(store, "q=items/2"), ElementsAre("/items/2"));
  EXPECT_THAT(paths_found(store, "route=/items/1"), ElementsAre("/items/1"));
  EXPECT_THAT(paths_found(store, "limit=1"), ElementsAre("/items/3"));
  EXPECT_THAT(paths_found(store, "to=1000&from=0"), IsEmpty());
}

// What others of its kind took says whether a request took long, by their path without ids.
TEST_F(StoreTest, WhatIsUsualIsLookedUpAroundATrace) {
  const auto store = open();
  const auto why = [&](unsigned number) {
    Reader reader(store);
    const auto trace = find_trace_id(reader, telemetry::hex(trace_id(number)), not_seen_);
    const auto whole = whole_trace(reader, trace.value(), not_seen_);
    return why_trace(reader, whole.value(), {}, not_seen_).value();
  };
  in_transaction(store->window(), [&] {
    for (unsigned i = 0; i < 19; ++i) add_request(store->window(), i, "catalog", 200, 10'000 + i, kNow - 1000 + i);
    add_request(store->window(), 100, "catalog", 200, 200'000);
    for (unsigned i = 0; i < 30; ++i) add_request(store->window(), 300 + i, "search", 200, 1'000, kNow + i);
    for (unsigned i = 0; i < 30; ++i) add_request(store->window(), 400 + i, "catalog", 503, 1'000, kNow + i);
  });
  EXPECT_EQ(why(100)["summary"], "GET /items/100 took 200 ms and was answered 200.") << "19 are too few to know";
  EXPECT_TRUE(why(100)["cause"].is_null());
  in_transaction(store->window(), [&] { add_request(store->window(), 19, "catalog", 200, 10'019, kNow); });
  EXPECT_EQ(why(100)["summary"], "GET /items/100 took 200 ms (usually 10 ms) and was answered 200.");
  EXPECT_EQ(why(100)["cause"]["what"], "slow_service");
  EXPECT_TRUE(why(5)["cause"].is_null());
}

TEST_F(StoreTest, ANameThatWasLentStaysWhereItIsWhileOthersComeAndAreRead) {
  const auto store = open();
  in_transaction(store->window(), [&] { add_request(store->window(), 1, "a", 200, 1'000); });
  Reader reader(store);
  const auto windows = reader.windows({kNow - 1000, kNow + 1000}, not_seen_);
  ASSERT_EQ(windows.size(), 1U);
  const std::int64_t number = windows[0]->number("a");
  ASSERT_NE(number, 0);
  const std::string_view lent = windows[0]->name(number);
  in_transaction(store->window(), [&] {
    for (unsigned i = 0; i < 300; ++i) add_request(store->window(), 2, fmt::format("service-{}", i), 200, 1'000);
  });
  EXPECT_NE(windows[0]->number("service-299"), 0);
  EXPECT_EQ(lent, "a");
  EXPECT_EQ(lent.data(), windows[0]->name(number).data());
}

TEST_F(StoreTest, AWholeTraceHasItsSpansDecisionsAndLogs) {
  const auto store = open();
  in_transaction(store->window(), [&] {
    add_request(store->window(), 1, "catalog", 403, 1'000);
    DecisionRow denied;
    denied.at_us = kNow * 1000;
    denied.subject = "gateway";
    denied.verdict = "denied";
    denied.trace = trace_id(1);
    ASSERT_TRUE(store->window().add(denied).has_value());
    LogRow log;
    log.at_us = kNow * 1000;
    log.service = "catalog";
    log.text = "not today";
    log.trace = trace_id(1);
    ASSERT_TRUE(store->window().add(log).has_value());
  });
  Reader reader(store);
  const auto id = find_trace_id(reader, telemetry::request_id_of(trace_id(1)), not_seen_);
  ASSERT_TRUE(id.has_value()) << id.error().message;
  const auto trace = whole_trace(reader, *id, not_seen_);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ((*trace)["spans"].size(), 2U);
  EXPECT_EQ((*trace)["spans"][1]["parent"], (*trace)["spans"][0]["id"]);
  EXPECT_EQ((*trace)["denied"][0]["subject"], "gateway");
  EXPECT_EQ((*trace)["logs"][0]["text"], "not today");
  EXPECT_EQ((*trace)["duration_us"], 1000);
  EXPECT_EQ(find_trace_id(reader, "nobody-knows", not_seen_).error().cause, Cause::not_found);
  EXPECT_EQ(find_trace_id(reader, "<script>", not_seen_).error().cause, Cause::invalid);
  EXPECT_EQ(whole_trace(reader, trace_id(99), not_seen_).error().cause, Cause::not_found);
}

TEST_F(StoreTest, WhatWasNotCommittedIsNotThereAndCanBeAddedAgain) {
  const auto store = open();
  ASSERT_TRUE(store->window().begin().has_value());
  add_request(store->window(), 1, "catalog", 200, 1'000);
  store->window().roll_back();
  EXPECT_THAT(paths_found(store, ""), IsEmpty());
  in_transaction(store->window(), [&] { add_request(store->window(), 1, "catalog", 200, 1'000); });
  EXPECT_THAT(paths_found(store, ""), ElementsAre("/items/1"));
}

TEST_F(StoreTest, PositionsAndRowsGoOnInTheNextProcessAndTheNextWindow) {
  options_.window_spans = 2;
  {
    const auto store = open();
    in_transaction(store->window(), [&] {
      add_request(store->window(), 1, "catalog", 200, 1'000);
      ASSERT_TRUE(store->window().set_position("records/a-1", {7, 8, 9, "x"}).has_value());
    });
    store->positions()["records/a-1"] = {7, 8, 9, "x"};
    ASSERT_TRUE(store->turn(kNow + 5).has_value());
    EXPECT_EQ(store->windows().size(), 2U);
  }
  const auto store = open(kNow + 10);
  EXPECT_EQ(store->positions()["records/a-1"], (Position{7, 8, 9, "x"}));
  EXPECT_EQ(store->windows().size(), 2U);
  EXPECT_THAT(paths_found(store, ""), ElementsAre("/items/1"));
}

TEST_F(StoreTest, SealingThinsOutWholeTracesButNoneThatMatters) {
  options_.window_spans = 100;
  options_.window_most_spans = 50;
  const auto store = open();
  in_transaction(store->window(), [&] {
    for (unsigned number = 0; number < 256; ++number)
      add_request(store->window(), number, "catalog", number % 64 == 63 ? 503 : 200, number == 254 ? 400'000 : 1'000);
  });
  const std::string path = store->window().path();
  ASSERT_TRUE(seal(path, 50, 250'000).has_value());
  Reader reader(store);
  std::vector<std::string> not_seen;
  const auto found = search_traces(reader, asked("limit=500", {}), not_seen);
  ASSERT_TRUE(found.has_value());
  std::size_t failed = 0, slow = 0;
  for (const json& trace : (*found)["traces"]) {
    EXPECT_EQ(trace["spans"], 2);
    failed += trace["status"] == 503 ? 1 : 0;
    slow += trace["duration_us"] == 400'000 ? 1 : 0;
  }
  EXPECT_EQ(failed, 4U);
  EXPECT_EQ(slow, 1U);
  EXPECT_LT((*found)["traces"].size(), 60U);
  EXPECT_GT((*found)["traces"].size(), 20U);
  tell_losses(reader, {0, kNow + 1000}, not_seen);
  EXPECT_THAT(not_seen, ElementsAre(HasSubstr("thinned out")));
}

// 12,000 requests of which many were read late: whatever is asked for, the newest are found, and no other.
TEST_F(StoreTest, ASealedWindowFindsWhatIsThere) {
  struct Made {
    unsigned number;
    std::string service;
    bool failed;
    std::int64_t us, at_ms;
  };
  std::vector<Made> made;
  std::mt19937 random(1);
  for (unsigned number = 0; number < 12'000; ++number)
    made.push_back({number,
                    random() % 3000 == 0 ? "rare"
                    : random() % 2 == 0  ? "catalog"
                                         : "checkout",
                    random() % 2000 == 0, random() % 1000 == 0 ? 700'000 : 1'000, kNow - 600'000 + 50 * number});
  std::vector<Made> read = made;
  std::rotate(read.begin() + 1'000, read.begin() + 9'000, read.begin() + 11'000);  // late
  const auto store = open();
  in_transaction(store->window(), [&] {
    for (const Made& each : read)
      add_request(store->window(), each.number, each.service, each.failed ? 503 : 200, each.us, each.at_ms);
  });
  ASSERT_TRUE(seal(store->window().path(), 100'000, 250'000).has_value());
  const auto expect = [&](const std::string& query, std::size_t limit, const std::function<bool(const Made&)>& is) {
    std::vector<std::string> expected;
    for (auto each = made.rbegin(); each != made.rend() && expected.size() < limit; ++each)
      if (is(*each)) expected.push_back(fmt::format("/items/{}", each->number));
    EXPECT_EQ(paths_found(store, fmt::format("from=0&limit={}&{}", limit, query)), expected) << query;
  };
  const auto any = [](const Made&) { return true; };
  expect("q=items", 50, any);
  expect("route=/items", 500, any);
  expect("service=catalog", 200, [](const Made& each) { return each.service == "catalog"; });
  expect("service=rare", 100, [](const Made& each) { return each.service == "rare"; });
  expect("error=1", 100, [](const Made& each) { return each.failed; });
  expect("min_ms=500", 100, [](const Made& each) { return each.us >= 500'000; });
  expect("q=777", 100, [](const Made& each) { return std::to_string(each.number).contains("777"); });
  expect("route=/items/77", 100, [](const Made& each) { return std::to_string(each.number).starts_with("77"); });
  expect("error=1&service=catalog&route=/items/1", 100, [](const Made& each) {
    return each.failed && each.service == "catalog" && std::to_string(each.number).starts_with("1");
  });
  expect("q=nothing", 10, [](const Made&) { return false; });
  expect("route=items", 10, [](const Made&) { return false; });
  const std::int64_t from = kNow - 300'000, to = kNow - 200'000;
  EXPECT_EQ(paths_found(store, fmt::format("from={}&to={}&limit=500&q=items/8", from, to)).size(),
            static_cast<std::size_t>(std::ranges::count_if(made, [&](const Made& each) {
              return each.at_ms >= from && each.at_ms <= to && std::to_string(each.number).starts_with("8");
            })));
}

TEST_F(StoreTest, WhatWasNotSealedIsSealedByTheNext) {
  options_.window_spans = 1;
  std::string first;
  {
    const auto store = open();
    in_transaction(store->window(), [&] { add_request(store->window(), 1, "catalog", 200, 1'000); });
    first = store->window().path();
    ASSERT_TRUE(store->turn(kNow + 4000).has_value());
  }
  auto database = Database::open(first, Database::Mode::write);
  ASSERT_TRUE(database->run("DELETE FROM facts WHERE name IN ('sealed', 'blocks'); DROP TABLE blocks").has_value());
  const auto store = open(kNow + 5000);
  Reader reader(store);
  for (int i = 0; i < 3000 && !reader.all(not_seen_).back()->has_blocks(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(reader.all(not_seen_).back()->has_blocks());
  EXPECT_THAT(paths_found(store, "q=items/1"), ElementsAre("/items/1"));
}

TEST_F(StoreTest, OldAndLargeFilesGoWholeAndTheOneThatIsWrittenStays) {
  options_.window_spans = 1;
  options_.kept.age = std::chrono::seconds(10);
  const auto store = open();
  for (int i = 0; i < 4; ++i) {
    in_transaction(store->window(), [&] { add_request(store->window(), 1, "catalog", 200, 1'000); });
    ASSERT_TRUE(store->turn(kNow + (i + 1) * 4000).has_value());
  }
  EXPECT_EQ(store->windows().size(), 4U);  // the first ended before the horizon
  ASSERT_TRUE(store->turn(kNow + 1'000'000).has_value());
  EXPECT_EQ(store->windows().size(), 1U);
  EXPECT_FALSE(store->make_room());
}

TEST_F(StoreTest, AFileThatIsNoDatabaseIsPutAsideAndTold) {
  const std::string path = options_.directory + "/window-0001790000000000.db";
  std::ofstream(path) << std::string(5000, 'x');
  const auto store = open();
  EXPECT_TRUE(std::filesystem::exists(path + ".broken"));
  EXPECT_THAT(store->take_problems(), ElementsAre(HasSubstr("put aside")));
  in_transaction(store->window(), [&] { add_request(store->window(), 1, "catalog", 200, 1'000); });
  EXPECT_THAT(paths_found(store, ""), ElementsAre("/items/1"));
}

TEST_F(StoreTest, TheGraphHasWhatFlowedWhatIsDeclaredAndWhatWasTried) {
  const auto store = open();
  in_transaction(store->window(), [&] {
    FlowRow flow;
    flow.at_ms = kNow;
    flow.caller = "gateway";
    flow.callee = "catalog";
    flow.port = 8080;
    flow.requests = 3;
    flow.classes[2] = 3;
    telemetry::Histogram latency;
    latency.record(std::chrono::microseconds(700));
    const std::string text = latency.encode();
    flow.latency = text;
    ASSERT_TRUE(store->window().add(flow).has_value());
    flow.caller_side = false;  // the same requests, as the callee counted
    ASSERT_TRUE(store->window().add(flow).has_value());
    ASSERT_TRUE(
        store->window().add(AttemptRow{kNow, "catalog", "payments", "POST", "/charges", "denied", 2}).has_value());
  });
  Reader reader(store);
  const json declared = {{{"from", "gateway"},
                          {"to", "catalog"},
                          {"port", 8080},
                          {"id", "gateway.routes[0]"},
                          {"protocol", "http"},
                          {"kind", "route"}},
                         {{"from", "catalog"},
                          {"to", "db"},
                          {"port", 5432},
                          {"id", "catalog.calls.db"},
                          {"protocol", "tcp"},
                          {"kind", "call"}}};
  const auto answer = graph(reader, asked("", {}), declared, not_seen_);
  ASSERT_TRUE(answer.has_value());
  ASSERT_EQ((*answer)["edges"].size(), 2U);
  const json& used = (*answer)["edges"][0];
  EXPECT_EQ(used["requests"], 3);
  EXPECT_EQ(used["id"], "gateway.routes[0]");
  EXPECT_NEAR(used["p50_us"].get<double>(), 700, 12);
  EXPECT_EQ((*answer)["edges"][1]["requests"], 0);
  EXPECT_EQ((*answer)["attempts"][0]["target"], "POST /charges");

  EXPECT_EQ(used["new"], true) << "nothing is kept of before";
  const auto later = graph(reader, asked("from=0&to=1", {}), declared, not_seen_);
  EXPECT_FALSE((*later)["edges"][0].contains("new"));

  const auto points = series(reader, asked("service=catalog&step=60", {"service", "step"}), not_seen_);
  ASSERT_TRUE(points.has_value());
  std::int64_t requests = 0;
  for (const json& point : (*points)["points"]) requests += point["requests"].get<std::int64_t>();
  EXPECT_EQ(requests, 3);
}

TEST_F(StoreTest, LogsAreTheNewestOfTheRangeOldestFirst) {
  const auto store = open();
  in_transaction(store->window(), [&] {
    for (int i = 0; i < 5; ++i) {
      LogRow log;
      log.at_us = (kNow + i) * 1000;
      log.service = i % 2 == 0 ? "even" : "odd";
      log.stream = "stdout";
      const std::string text = fmt::format("line {}", i);
      log.text = text;
      ASSERT_TRUE(store->window().add(log).has_value());
    }
  });
  Reader reader(store);
  const auto texts = [&](std::string_view query) {
    const auto answer = search_logs(reader, asked(query, {"service", "trace", "q", "stream"}), not_seen_);
    std::vector<std::string> all;
    for (const json& line : (*answer)["lines"]) all.push_back(line["text"]);
    return all;
  };
  EXPECT_THAT(texts("limit=2"), ElementsAre("line 3", "line 4"));
  EXPECT_THAT(texts("service=even"), ElementsAre("line 0", "line 2", "line 4"));
  EXPECT_THAT(texts("q=3"), ElementsAre("line 3"));
  EXPECT_THAT(texts("stream=stderr"), IsEmpty());
}

}  // namespace
}  // namespace bulkhead::collect
