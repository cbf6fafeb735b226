#include "collect/exporter.hpp"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "collect/otlp.hpp"

namespace bulkhead::collect {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// What ExportReader hands out is read back by the reader of what programs tell.
class ExportReaderTest : public ::testing::Test {
 protected:
  ExportReaderTest() {
    char name[] = "/tmp/export-test-XXXXXX";
    directory_ = ::mkdtemp(name);
    open();
  }
  ~ExportReaderTest() override {
    store_.reset();  // which waits for a sealing
    fs::remove_all(directory_);
  }
  void open() {
    auto store = Store::open({.directory = directory_, .window_spans = 10}, 1'000);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }

  void add(std::uint64_t id, std::string_view path = "/orders/1234") {
    SpanRow row;
    row.trace[15] = static_cast<std::uint8_t>(id);
    row.span = id;
    row.start_us = 1'000'000;
    row.us = 250;
    row.hop = "inner";
    row.caller = "web";
    row.callee = "api";
    row.instance = "api-1";
    row.method = "GET";
    row.path = path;
    row.status = 200;
    commit([&](Window& window) { return window.add(row); });
  }
  template <class Write>
  void commit(const Write& write) {
    Window& window = store_->window();
    ASSERT_TRUE(window.begin());
    ASSERT_TRUE(write(window));
    ASSERT_TRUE(window.commit(now_ms_));
    ASSERT_TRUE(store_->turn(++now_ms_));
  }
  // The ids of what the next batch has.
  std::vector<std::uint64_t> next(Exported signal = Exported::traces) {
    const auto batch = reader_.next(*store_, signal, cursor_, "shop", "gateway");
    EXPECT_TRUE(batch) << batch.error().message;
    cursor_ = batch->next;
    skipped_ += batch->skipped;
    const auto told = read_otlp_protobuf(Signal::traces, batch->message);
    EXPECT_TRUE(told);
    EXPECT_EQ(told->spans.size(), batch->items);
    std::vector<std::uint64_t> ids;
    for (const ToldSpan& span : told->spans) ids.push_back(span.span);
    return ids;
  }

  std::string directory_;
  std::int64_t now_ms_ = 2'000;
  std::unique_ptr<Store> store_;
  ExportReader reader_;
  std::optional<ExportCursor> cursor_;
  std::uint64_t skipped_ = 0;
};

using Ids = std::vector<std::uint64_t>;

TEST_F(ExportReaderTest, BeginsWithTheWindowThatIsWrittenAndGoesOnWhereItWas) {
  for (std::uint64_t id = 100; id < 110; ++id) add(id);
  EXPECT_EQ(store_->windows().size(), 2U);
  add(1);
  EXPECT_EQ(next(), Ids{1});
  EXPECT_EQ(next(), Ids{});
  add(2);
  add(3);
  EXPECT_EQ(next(), (Ids{2, 3}));
  EXPECT_EQ(next(), Ids{});
  reader_ = ExportReader();  // another process
  add(4);
  EXPECT_EQ(next(), Ids{4});
  EXPECT_EQ(skipped_, 0U);
}

TEST_F(ExportReaderTest, BeginsAnewWhereTheStoreIsAnotherOne) {
  add(1);
  EXPECT_EQ(next(), Ids{1});
  cursor_->window = "9999" + cursor_->window;
  add(2);
  EXPECT_EQ(next(), (Ids{1, 2}));
}

TEST_F(ExportReaderTest, ReadsOnFromWindowToWindow) {
  next();
  for (std::uint64_t id = 1; id <= 25; ++id) add(id);
  ASSERT_GE(store_->windows().size(), 3U);
  Ids all;
  for (Ids some = next(); !some.empty(); some = next()) all.insert(all.end(), some.begin(), some.end());
  Ids wanted;
  for (std::uint64_t id = 1; id <= 25; ++id) wanted.push_back(id);
  EXPECT_EQ(all, wanted);
  EXPECT_EQ(skipped_, 0U);
}

TEST_F(ExportReaderTest, CountsWhatWasDroppedBeforeItWasRead) {
  next();
  for (std::uint64_t id = 1; id <= 25; ++id) add(id);
  reader_ = ExportReader();
  ASSERT_TRUE(store_->make_room());
  EXPECT_EQ(next().front(), 11U);
  EXPECT_EQ(skipped_, 1U);
}

TEST_F(ExportReaderTest, KeepsToItsPlaceInAWindowThatIsThinnedOut) {
  store_.reset();
  auto store = Store::open({.directory = directory_, .window_spans = 10, .window_most_spans = 4}, 1'000);
  ASSERT_TRUE(store);
  store_ = std::move(*store);
  next();
  for (std::uint64_t id = 1; id <= 5; ++id) add(id * 40);
  EXPECT_EQ(next().size(), 5U);
  for (std::uint64_t id = 6; id <= 12; ++id) add((id * 40) % 256);
  store_.reset();  // sealed
  open();
  reader_ = ExportReader();
  Ids left;
  for (Ids some = next(); !some.empty(); some = next()) left.insert(left.end(), some.begin(), some.end());
  for (std::uint64_t id = 1; id <= 5; ++id) EXPECT_EQ(std::ranges::count(left, id * 40), 0) << "sent a second time";
  EXPECT_EQ(std::ranges::count(left, (12 * 40) % 256), 1) << "what came last";
}

TEST_F(ExportReaderTest, ASpanSaysWhatItsHopSaw) {
  next();
  add(7, "/orders/1234?secret=1");
  const auto batch = reader_.next(*store_, Exported::traces, cursor_, "shop", "gateway");
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->message.find("secret"), std::string::npos) << "a query";
  const auto told = read_otlp_protobuf(Signal::traces, batch->message);
  ASSERT_TRUE(told);
  const json extra = json::parse(told->spans.at(0).extra);
  EXPECT_EQ(extra["name"], "GET /orders/*");
  EXPECT_EQ(extra["span_kind"], "server");
  EXPECT_EQ(extra["attributes"]["url.path"], "/orders/1234");
  EXPECT_EQ(extra["attributes"]["http.response.status_code"], 200);
  EXPECT_EQ(told->spans[0].us, 250);
  EXPECT_NE(batch->message.find("service.instance.id"), std::string::npos);
}

TEST_F(ExportReaderTest, TextThatIsNoUtf8StopsNothing) {
  next(Exported::logs);
  cursor_.reset();
  next(Exported::logs);
  commit([](Window& window) {
    LogRow row;
    row.at_us = 5;
    row.service = "api";
    row.instance = "api-1";
    row.stream = "stdout";
    row.text = "caf\xe9 \xc3\xa9";
    row.severity = "error";
    return window.add(row);
  });
  const auto batch = reader_.next(*store_, Exported::logs, cursor_, "shop", "gateway");
  ASSERT_TRUE(batch);
  const auto told = read_otlp_protobuf(Signal::logs, batch->message);
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->logs.at(0).text.starts_with("caf\uFFFD \u00e9")) << told->logs[0].text;
  EXPECT_EQ(told->logs[0].severity, "error");
  EXPECT_EQ(told->logs[0].at_us, 5);
}

TEST(ExportSettings, AreReadAsTheControllerSaysThem) {
  const json message = {{"app", "shop"},
                        {"url", "https://otlp.example:4318/base"},
                        {"host", "otlp.example"},
                        {"port", 4318},
                        {"tls", true},
                        {"anchors", ""},
                        {"headers", {{"authorization", "Bearer x"}}},
                        {"signals", {"traces"}}};
  const auto settings = read_export(message);
  ASSERT_TRUE(settings);
  ASSERT_TRUE(*settings);
  EXPECT_EQ((*settings)->authority, "otlp.example:4318");
  EXPECT_EQ((*settings)->path, "/base");
  EXPECT_TRUE((*settings)->traces);
  EXPECT_FALSE((*settings)->metrics);
  EXPECT_FALSE(*read_export(nullptr));
  for (const auto& [member, value] : message.items()) {
    json without = message;
    without.erase(member);
    EXPECT_EQ(read_export(without).has_value(), member == "anchors") << member;
  }
  EXPECT_FALSE(read_export(json::array()));
}

TEST(PartialSuccess, IsWhatABackendSaysOfAPart) {
  ProtobufWriter inner, outer;
  inner.varint(1, 3);
  inner.text(2, "too\x1b[2J old");
  outer.message(1, inner);
  const PartialSuccess said = read_partial_success(outer.encoded());
  EXPECT_EQ(said.refused, 3U);
  EXPECT_EQ(said.why, "too [2J old");
  EXPECT_EQ(read_partial_success("").refused, 0U);
  EXPECT_EQ(read_partial_success("\x0a\xff").refused, 0U);
}

TEST(ProtobufWriter, WritesWhatTheReaderReads) {
  ProtobufWriter writer;
  writer.varint(1, 300);
  writer.fixed64(2, 0x0102030405060708);
  writer.real(3, 1.5);
  writer.bytes(1000, "octets");
  ProtobufReader reader(writer.encoded());
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.number(), 300U);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.number(), 0x0102030405060708U);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.real(), 1.5);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.field(), 1000U);
  EXPECT_EQ(reader.bytes(), "octets");
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.malformed());
}

}  // namespace
}  // namespace bulkhead::collect
