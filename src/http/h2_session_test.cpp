#include "http/h2_session.hpp"

#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace bulkhead::http {
namespace {

using Role = H2Session::Role;

// Writes down what a session tells, and may answer within an event.
class Log : public H2Events {
 public:
  void on_request(StreamId id, Request&& request) override {
    text += fmt::format("{} {} {}{} {} {}", id, request.method, request.authority, request.target, request.body,
                        request.protocol);
    for (const Field field : request.fields) text += fmt::format("|{}={}", field.name, field.value);
    text += '\n';
    length = request.content_length;
    if (reset_at_request) session->reset(id, h2_error::kRefused);
  }
  void on_response(StreamId id, Response&& response) override {
    text += fmt::format("{} status {}", id, response.status);
    for (const Field field : response.fields) text += fmt::format("|{}={}", field.name, field.value);
    text += '\n';
  }
  void on_body(StreamId id, std::string_view data) override {
    bytes += data.size();
    text += data.size() > 40 ? fmt::format("{} body of {}\n", id, data.size()) : fmt::format("{} body {}\n", id, data);
  }
  void on_end(StreamId id, Fields&& trailers) override {
    text += fmt::format("{} end", id);
    for (const Field field : trailers) text += fmt::format("|{}={}", field.name, field.value);
    text += '\n';
  }
  void on_reset(StreamId id, std::uint32_t code, bool never) override {
    text += fmt::format("{} reset {} never={}\n", id, code, never);
  }
  void on_drained(StreamId id) override { text += fmt::format("{} drained\n", id); }
  void on_goaway(StreamId last, std::uint32_t code) override { text += fmt::format("goaway {} {}\n", last, code); }
  void on_pong(std::uint64_t opaque) override { text += fmt::format("pong {}\n", opaque); }
  std::string take() { return std::exchange(text, {}); }

  std::string text;
  std::size_t bytes = 0;
  std::optional<std::uint64_t> length;
  H2Session* session = nullptr;
  bool reset_at_request = false;
};

struct Pair {
  explicit Pair(H2Limits server_limits = {}, H2Limits client_limits = {})
      : server(Role::server, server_limits, server_log), client(Role::client, client_limits, client_log) {
    server_log.session = &server;
    client_log.session = &client;
    exchange();
    server_log.take();
    client_log.take();
  }
  // Carries bytes both ways until nothing moves.
  void exchange() {
    while (true) {
      std::string to_server;
      std::string to_client;
      client.pull_output(to_server);
      server.pull_output(to_client);
      if (to_server.empty() && to_client.empty()) return;
      if (!to_server.empty()) server_state = server.receive(to_server);
      if (!to_client.empty()) client_state = client.receive(to_client);
    }
  }
  Log server_log, client_log;
  H2Session server, client;
  Result<> server_state, client_state;
};

Request get(std::string target = "/") {
  return {.method = "GET", .scheme = "http", .authority = "shop", .target = std::move(target)};
}

TEST(H2Session, CarriesARequestAndItsAnswerWithTrailers) {
  Pair pair;
  Request request = get("/a");
  request.method = "POST";
  request.fields.add("X-Case", "1");
  request.fields.add("Connection", "close");
  const Result<StreamId> id = pair.client.submit_request(request, false);
  ASSERT_TRUE(id);
  pair.client.send_body(*id, "hello", false);
  pair.client.send_trailers(*id, {{"x-sum", "5"}, {"content-length", "9"}, {"txn-token", "a.b.c"}});
  pair.exchange();
  EXPECT_EQ(pair.server_log.take(), "1 POST shop/a true |x-case=1\n1 body hello\n1 end|x-sum=5\n");
  ASSERT_TRUE(pair.server.submit_response(*id, {.status = 103, .fields = {{"link", "x"}}}, false));
  ASSERT_TRUE(pair.server.submit_response(*id, {.status = 200}, false));
  pair.server.send_body(*id, "answer", false);
  pair.server.send_trailers(*id, {{"grpc-status", "0"}});
  pair.exchange();
  EXPECT_EQ(pair.client_log.take(), "1 status 103|link=x\n1 status 200\n1 body answer\n1 end|grpc-status=0\n");
  EXPECT_EQ(pair.client.open_streams(), 0U);
  EXPECT_EQ(pair.server.open_streams(), 0U);
}

TEST(H2Session, StopsAtTheWindowUntilBytesAreConsumed) {
  Pair pair({.stream_window = 65535, .connection_window = 65535, .send_buffer = 1000}, {.send_buffer = 1000});
  const Result<StreamId> id = pair.client.submit_request(get(), false);
  ASSERT_TRUE(id);
  pair.client.send_body(*id, std::string(100000, 'x'), true);
  EXPECT_EQ(pair.client.send_room(*id), 0U);
  pair.exchange();
  EXPECT_EQ(pair.server_log.bytes, 65535U);
  EXPECT_EQ(pair.client_log.take(), "");
  pair.server.consume(*id, 65535);
  pair.exchange();
  EXPECT_EQ(pair.server_log.bytes, 100000U);
  EXPECT_EQ(pair.client_log.take(), "1 drained\n");
}

TEST(H2Session, AStreamThatNobodyReadsHoldsUpNoOther) {
  Pair pair({.stream_window = 65535, .connection_window = 65535});
  for (int i = 0; i < 5; ++i) {
    const Result<StreamId> id = pair.client.submit_request(get(), false);
    ASSERT_TRUE(id);
    pair.client.send_body(*id, std::string(65536, 'x'), false);
    pair.exchange();
    if (i % 2 == 0) pair.server.reset(*id, h2_error::kCancel);
    pair.exchange();
  }
  EXPECT_EQ(pair.server_log.bytes, 5U * 65535U);
}

TEST(H2Session, TheWindowOfAStreamThatIsReadGrowsWithinWhatAllHave) {
  constexpr std::size_t kMuch = 1U << 20U;
  Pair pair({.stream_window = 65535, .widest_window = 100000, .widening = 40000}, {.send_buffer = kMuch});
  std::vector<StreamId> ids;
  const auto read_once = [&] {
    const Result<StreamId> id = pair.client.submit_request(get(), false);
    ids.push_back(id ? *id : 0);
    pair.client.send_body(ids.back(), std::string(kMuch, 'x'), false);
    pair.exchange();
    const std::size_t before = pair.server_log.bytes;
    pair.server.consume(ids.back(), 65535);
    pair.exchange();
    return pair.server_log.bytes - before;
  };
  EXPECT_EQ(read_once(), 100000U);
  EXPECT_EQ(read_once(), 65535U) << "34,465 of the 40,000 are taken";
  pair.server.consume(ids[0], 100000);
  const std::size_t before = pair.server_log.bytes;
  pair.exchange();
  EXPECT_EQ(pair.server_log.bytes - before, 100000U) << "it is as wide as it can be";
  pair.server.reset(ids[0], h2_error::kCancel);
  EXPECT_EQ(read_once(), 100000U) << "and gave it back";
}

TEST(H2Session, TellsNothingAfterAReset) {
  Pair pair;
  pair.server_log.reset_at_request = true;
  const Result<StreamId> id = pair.client.submit_request(get(), false);
  ASSERT_TRUE(id);
  pair.client.send_body(*id, "body", true);
  pair.exchange();
  EXPECT_EQ(pair.server_log.take(), "1 GET shop/ true \n");
  EXPECT_EQ(pair.client_log.take(), "1 reset 7 never=true\n");
}

TEST(H2Session, SendsTheWholeAnswerBeforeItGivesUpOnTheRequest) {
  Pair pair;
  const Result<StreamId> id = pair.client.submit_request(get(), false);
  ASSERT_TRUE(id);
  pair.exchange();
  pair.server_log.take();
  ASSERT_TRUE(pair.server.submit_response(*id, {.status = 413}, false));
  pair.server.send_body(*id, "no", true);
  pair.server.abandon(*id);
  pair.server.work_done(*id);
  EXPECT_TRUE(pair.server.sending(*id));
  pair.client.send_body(*id, "ignored", false);
  pair.exchange();
  EXPECT_EQ(pair.client_log.take(), "1 status 413\n1 body no\n1 end\n1 reset 0 never=false\n");
  EXPECT_EQ(pair.server_log.take(), "");
  EXPECT_EQ(pair.server.open_streams(), 0U);
}

TEST(H2Session, MakesATunnelOfAnExtendedConnect) {
  Pair pair;
  Request request = get("/ws");
  request.protocol = "websocket";
  ASSERT_TRUE(pair.client.peer_allows_extended_connect());
  const Result<StreamId> id = pair.client.submit_request(request, false);
  ASSERT_TRUE(id);
  pair.exchange();
  EXPECT_EQ(pair.server_log.take(), "1 GET shop/ws false websocket\n");
  ASSERT_TRUE(pair.server.submit_response(*id, {.status = 101}, false));
  pair.server.send_body(*id, "frame", false);
  pair.client.send_body(*id, "back", true);
  pair.exchange();
  EXPECT_EQ(pair.client_log.take(), "1 status 101\n1 body frame\n");
  EXPECT_EQ(pair.server_log.take(), "1 body back\n1 end\n");
}

TEST(H2Session, KeepsAnAnswerThatIgnoredTheUpgradeApartFromATunnel) {
  Pair pair;
  Request request = get("/ws");
  request.protocol = "websocket";
  const Result<StreamId> id = pair.client.submit_request(request, false);
  ASSERT_TRUE(id);
  pair.exchange();
  ASSERT_TRUE(pair.server.submit_response(*id, {.status = 204, .fields = {{"x", "y"}}}, false));
  pair.server.send_body(*id, "", true);
  pair.exchange();
  EXPECT_EQ(pair.client_log.take(), "1 status 204|x=y\n1 end\n");
}

TEST(H2Session, RefusesATunnelThatThePeerDoesNotTake) {
  Log log;
  H2Session client(Role::client, {}, log);
  Request request = get();
  request.protocol = "websocket";
  const Result<StreamId> id = client.submit_request(request, false);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().cause, Cause::unsupported);
}

TEST(H2Session, ReplaysWhatGoawayLeftOut) {
  Pair pair;
  ASSERT_TRUE(pair.client.submit_request(get("/1"), true));
  pair.exchange();
  pair.client_log.take();
  pair.server.goaway(h2_error::kNone);
  std::string goaway;
  pair.server.pull_output(goaway);
  const Result<StreamId> late = pair.client.submit_request(get("/2"), true);
  ASSERT_TRUE(late);
  std::string request;
  pair.client.pull_output(request);
  EXPECT_TRUE(pair.client.request_sent(*late));
  ASSERT_TRUE(pair.client.receive(goaway));
  EXPECT_EQ(pair.client_log.take(), "goaway 1 0\n3 reset 7 never=true\n");
  EXPECT_FALSE(pair.client.accepts_streams());
}

TEST(H2Session, EndsGracefullyInTwoSteps) {
  Pair pair;
  const Result<StreamId> id = pair.client.submit_request(get("/1"), true);
  ASSERT_TRUE(id);
  pair.server.shutdown_notice();
  pair.exchange();
  EXPECT_EQ(pair.client_log.take(), "goaway 2147483647 0\n");
  pair.server.goaway(h2_error::kNone);
  pair.exchange();
  EXPECT_FALSE(pair.server.finished());
  ASSERT_TRUE(pair.server.submit_response(*id, {.status = 204}, true));
  pair.exchange();
  EXPECT_EQ(pair.client_log.take(), "goaway 1 0\n1 status 204\n1 end\n");
  EXPECT_TRUE(pair.server.finished());
}

TEST(H2Session, JoinsCookiesAndAgreesOnTheHost) {
  Pair pair;
  Request request = get();
  request.fields.add("cookie", "a=1");
  request.fields.add("cookie", "b=2");
  ASSERT_TRUE(pair.client.submit_request(request, true));
  pair.exchange();
  EXPECT_EQ(pair.server_log.take(), "1 GET shop/ false |cookie=a=1; b=2\n1 end\n");
}

TEST(H2Session, NamesTheLimitsOfFieldsAndCountsCookieCrumbs) {
  H2Limits limits;
  limits.fields = {.count = 20, .bytes = 2000};
  Pair pair(limits);
  Request many = get();
  for (int i = 0; i < 30; ++i) many.fields.add("cookie", "a=1");
  ASSERT_TRUE(pair.client.submit_request(many, true));
  pair.exchange();
  const std::string told = pair.client_log.take();
  EXPECT_TRUE(told.starts_with("1 status 431")) << told;
  EXPECT_EQ(pair.server_log.take(), "");
  Request large = get();
  large.fields.add("x", std::string(3000, 'x'));
  ASSERT_TRUE(pair.client.submit_request(large, true));
  pair.exchange();
  EXPECT_TRUE(pair.client_log.take().starts_with("3 status 431"));
  EXPECT_TRUE(pair.server_state);
}

TEST(H2Session, CountsWorkUntilItEndsAndNotUntilTheReset) {
  H2Limits limits;
  limits.max_streams = 2;
  Pair pair(limits);
  std::vector<StreamId> ids;
  for (int i = 0; i < 3; ++i) {
    const Result<StreamId> id = pair.client.submit_request(get(), true);
    ASSERT_TRUE(id);
    ids.push_back(*id);
    pair.exchange();
    pair.client.reset(*id, h2_error::kCancel);
    pair.exchange();
  }
  EXPECT_EQ(pair.server_log.take(),
            "1 GET shop/ false \n1 end\n1 reset 8 never=false\n3 GET shop/ false \n3 end\n3 reset 8 never=false\n");
  pair.server.work_done(ids[0]);
  ASSERT_TRUE(pair.client.submit_request(get(), true));
  pair.exchange();
  EXPECT_EQ(pair.server_log.take(), "7 GET shop/ false \n7 end\n");
}

TEST(H2Session, EndsAConnectionThatOnlyResets) {
  H2Limits limits;
  limits.resets = 50;
  Pair pair(limits);
  int sent = 0;
  for (; sent < 1000 && pair.server_state; ++sent) {
    const Result<StreamId> id = pair.client.submit_request(get(), true);
    ASSERT_TRUE(id);
    pair.exchange();
    pair.client.reset(*id, h2_error::kCancel);
    pair.server.work_done(*id);
    pair.exchange();
  }
  EXPECT_EQ(sent, 51);
  EXPECT_EQ(pair.server_state.error().cause, Cause::exhausted);
  EXPECT_NE(pair.client_log.take().find("goaway 101 11"), std::string::npos);
}

TEST(H2Session, EndsAConnectionThatFloodsWithPings) {
  Pair pair;
  for (int i = 0; i < 5000; ++i) pair.client.ping(1);
  pair.exchange();
  EXPECT_FALSE(pair.server_state);
  EXPECT_EQ(pair.server_state.error().cause, Cause::exhausted);
}

TEST(H2Session, AnswersAPing) {
  Pair pair;
  pair.client.ping(42);
  pair.exchange();
  EXPECT_EQ(pair.client_log.take(), "pong 42\n");
}

// Frames as a hostile client writes them.
std::string frame(std::uint8_t type, std::uint8_t flags, StreamId id, std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(id >> shift & 0xff);
  return out.append(payload);
}

std::string literal(std::string_view name, std::string_view value) {
  return fmt::format("{}{}{}{}{}", '\0', static_cast<char>(name.size()), name, static_cast<char>(value.size()), value);
}

struct Block {
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  std::string_view body;
  bool end = true;
  std::string_view expected;  // what the server is told
};

std::string encode(const Block& block) {
  std::string fields;
  for (const auto& [name, value] : block.fields) fields += literal(name, value);
  const bool end_now = block.end && block.body.empty();
  std::string out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  out += frame(4, 0, 0, "");
  out += frame(1, static_cast<std::uint8_t>(0x4 | (end_now ? 1 : 0)), 1, fields);
  if (!block.body.empty()) out += frame(0, block.end ? 1 : 0, 1, block.body);
  return out;
}

TEST(H2Session, RefusesMalformedRequests) {
  const std::vector<Block> blocks = {
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
       "",
       true,
       "1 GET a/ false \n1 end\n"},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}}, "", true, "1 GET a/ false \n1 end\n"},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"host", "b"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a@b"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "ftp"}, {":path", "/"}, {":authority", "a"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", ""}, {":authority", "a"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "a"}, {":authority", "a"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/#x"}, {":authority", "a"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/ x"}, {":authority", "a"}}, "", true, ""},
      {{{":method", "GET"}, {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
       "",
       true,
       ""},
      {{{":method", "GET"}, {":scheme", "http"}, {"x", "y"}, {":path", "/"}, {":authority", "a"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {":odd", "x"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"X", "y"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"connection", "close"}},
       "",
       true,
       ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"transfer-encoding", "chunked"}},
       "",
       true,
       ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"upgrade", "x"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"te", "gzip"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"te", "trailers"}},
       "",
       true,
       "1 GET a/ false |te=trailers\n1 end\n"},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"x", "a\nb"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"x y", "b"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"", "b"}}, "", true, ""},
      {{{":method", "CONNECT"}, {":authority", "a:1"}}, "", true, ""},
      {{{":method", "PRI"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}, "", true, ""},
      {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {":protocol", "websocket"}},
       "",
       true,
       ""},
      {{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"content-length", "3"}},
       "abc",
       true,
       "1 POST a/ true \n1 body abc\n1 end\n"},
      {{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"content-length", "3"}},
       "ab",
       true,
       "1 POST a/ true \n1 body ab\n1 reset 1 never=false\n"},
      {{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"content-length", "3"}},
       "abcd",
       true,
       "1 POST a/ true \n1 reset 1 never=false\n"},
      {{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"content-length", "3"}},
       "",
       true,
       ""},
      {{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"content-length", "+3"}},
       "abc",
       true,
       ""},
      {{{":method", "POST"},
        {":scheme", "http"},
        {":path", "/"},
        {":authority", "a"},
        {"content-length", "3"},
        {"content-length", "3"}},
       "abc",
       true,
       ""},
  };
  for (const Block& block : blocks) {
    Log log;
    H2Session server(Role::server, {}, log);
    const Result<> state = server.receive(encode(block));
    std::string out;
    server.pull_output(out);
    std::string label;
    for (const auto& [name, value] : block.fields) label += fmt::format("{}={} ", name, value);
    EXPECT_EQ(log.text, block.expected) << label;
  }
}

TEST(H2Session, EndsAConnectionThatFloodsItWithFramesOfAnyKind) {
  const std::string request =
      literal(":method", "GET") + literal(":scheme", "http") + literal(":path", "/") + literal(":authority", "a");
  const std::string open = frame(1, 4, 1, request);
  struct Flood {
    std::string_view of;
    std::string once, again;
  };
  for (const auto& [of, once, again] : {
           Flood{"SETTINGS", "", frame(4, 0, 0, "")},
           Flood{"PRIORITY", "", frame(2, 0, 1, std::string("\0\0\0\0\1", 5))},
           Flood{"empty DATA", open, frame(0, 0, 1, "")},
           Flood{"CONTINUATION", frame(1, 0, 1, request), frame(9, 0, 1, "")},
       }) {
    Log log;
    H2Session server(Role::server, {}, log);
    Result<> state = server.receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "") + once);
    std::string out;
    int sent = 0;
    for (; state && sent < 5000; ++sent) {
      state = server.receive(again);
      server.pull_output(out);
      out.clear();
    }
    EXPECT_FALSE(state) << of;
    EXPECT_LE(sent, 1001) << of;
  }
}

// CVE-2025-8671: the client only breaks rules of streams, and lets the server do the resetting.
TEST(H2Session, EndsAConnectionThatMakesItReset) {
  const std::string request =
      literal(":method", "GET") + literal(":scheme", "http") + literal(":path", "/") + literal(":authority", "a");
  H2Limits limits;
  limits.resets = 50;
  Log log;
  H2Session server(Role::server, limits, log);
  Result<> state = server.receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, ""));
  std::string out;
  int sent = 0;
  for (; state && sent < 1000; ++sent) {
    const StreamId id = 1 + 2 * sent;
    state = server.receive(frame(1, 4, id, request) + frame(8, 0, id, "\x7f\xff\xff\xff"));
    server.pull_output(out);
    server.work_done(id);
  }
  EXPECT_FALSE(state);
  EXPECT_LE(sent, 60);
}

TEST(H2Session, CountsWhatABombOfIndexedFieldsExpandsTo) {
  const std::string value(100, 'x');
  std::string block =
      literal(":method", "GET") + literal(":scheme", "http") + literal(":path", "/") + literal(":authority", "a");
  block += fmt::format("\x40\x01y\x64{}", value);  // with incremental indexing: entry 62
  block += std::string(10000, '\xbe');             // and again by one octet each
  Log log;
  H2Session server(Role::server, {}, log);
  EXPECT_TRUE(server.receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "") + frame(1, 5, 1, block)));
  EXPECT_EQ(log.text, "");
}

TEST(H2Session, EndsAConnectionThatGoesBack) {
  const std::string request =
      literal(":method", "GET") + literal(":scheme", "http") + literal(":path", "/") + literal(":authority", "a");
  const std::string begin = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "");
  struct Case {
    std::string frames;
    std::uint8_t code;  // of GOAWAY
  };
  for (const auto& [frames, code] : {
           Case{frame(1, 5, 5, request) + frame(1, 5, 5, request), 5},
           Case{frame(1, 5, 5, request) + frame(1, 5, 3, request), 1},
           Case{frame(1, 5, 5, request) + frame(2, 0, 0, std::string("\0\0\0\0\1", 5)), 1},
       }) {
    Log log;
    H2Session server(Role::server, {}, log);
    EXPECT_TRUE(server.receive(begin));
    static_cast<void>(server.receive(frames));
    std::string out;
    server.pull_output(out);
    const std::string goaway = frame(7, 0, 0, std::string("\0\0\0\5\0\0\0", 7) + static_cast<char>(code));
    EXPECT_NE(out.find(goaway.substr(3)), std::string::npos) << int{code};
  }
}

TEST(H2Session, TakesAnEmptyEndBehindAWholeAnswerHoweverItIsCut) {
  const std::string request =
      literal(":method", "POST") + literal(":scheme", "http") + literal(":path", "/") + literal(":authority", "a");
  const std::string end = frame(0, 1, 1, "");
  for (std::size_t cut = 0; cut <= end.size(); ++cut) {
    Log log;
    H2Session server(Role::server, {}, log);
    ASSERT_TRUE(server.receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "") + frame(1, 4, 1, request)));
    ASSERT_TRUE(server.submit_response(1, {.status = 204}, true));
    std::string out;
    server.pull_output(out);
    EXPECT_TRUE(server.receive(end.substr(0, cut))) << cut;
    EXPECT_TRUE(server.receive(end.substr(cut) + frame(1, 5, 3, request))) << cut;
    EXPECT_EQ(log.take(), "1 POST a/ true \n1 end\n3 POST a/ false \n3 end\n") << cut;
  }
}

TEST(H2Session, LetsFramesPassThatCrossedItsOwnReset) {
  Pair pair;
  const Result<StreamId> id = pair.client.submit_request(get(), false);
  ASSERT_TRUE(id);
  pair.exchange();
  pair.server.reset(*id, h2_error::kCancel);
  pair.client.send_body(*id, "late", true);
  std::string late;
  pair.client.pull_output(late);
  std::string reset;
  pair.server.pull_output(reset);
  EXPECT_TRUE(pair.server.receive(late));
}

TEST(H2Session, RefusesWhatIsNotHttp2AtAll) {
  Log log;
  H2Session server(Role::server, {}, log);
  const Result<> state = server.receive("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().cause, Cause::protocol);
}

TEST(H2Session, NeverIndexesSecrets) {
  Log log;
  H2Session client(Role::client, {}, log);
  std::string first;
  client.pull_output(first);
  Request request = get();
  request.fields.add("authorization", "hidden-value-1");
  ASSERT_TRUE(client.submit_request(request, true));
  ASSERT_TRUE(client.submit_request(request, true));
  std::string one;
  client.pull_output(one);
  // A literal that is never indexed names authorization (static entry 23) as 0x1f 0x08, both times.
  const std::size_t at = one.find("\x1f\x08");
  ASSERT_NE(at, std::string::npos);
  EXPECT_NE(one.find("\x1f\x08", at + 1), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::http
