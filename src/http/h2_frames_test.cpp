// Frames that another implementation might send, in every order and cut, right and wrong.

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "http/h2_frame.hpp"
#include "http/h2_session.hpp"

namespace bulkhead::http {
namespace {

using namespace std::string_literals;
using Role = H2Session::Role;

class Log : public H2Events {
 public:
  void on_request(StreamId id, Request&& request) override {
    told(fmt::format("{} {} {}", id, request.method, request.target));
  }
  void on_response(StreamId id, Response&& response) override {
    told(fmt::format("{} {} {}", id, response.status, response.body));
  }
  void on_body(StreamId id, std::string_view data) override {
    if (last_body_ != id) told(fmt::format("{} body ", id));
    last_body_ = id;
    text.append(data);
  }
  void on_end(StreamId id, Fields&& trailers) override {
    told(fmt::format("{} end", id));
    for (const Field field : trailers) text += fmt::format(" {}={}", field.name, field.value);
  }
  void on_reset(StreamId id, std::uint32_t code, bool) override { told(fmt::format("{} reset {}", id, code)); }
  std::string text;

 private:
  // Bodies come in pieces as they were cut: told as one.
  void told(const std::string& what) {
    if (!text.empty()) text += '\n';
    text += what;
    last_body_ = 0;
  }
  StreamId last_body_ = 0;
};

std::string frame(std::uint8_t type, std::uint8_t flags, StreamId id, std::string_view payload) {
  std::string out;
  h2::append_head({static_cast<std::uint32_t>(payload.size()), type, flags, id}, out);
  return out.append(payload);
}

std::string literal(std::string_view name, std::string_view value) {
  return fmt::format("{}{}{}{}{}", '\0', static_cast<char>(name.size()), name, static_cast<char>(value.size()), value);
}

std::string request_block(std::string_view method = "POST") {
  return literal(":method", method) + literal(":scheme", "http") + literal(":path", "/") + literal(":authority", "a");
}

std::string setting(char id, std::uint32_t value) {
  std::string out{'\0', id};
  h2::append_u32(value, out);
  return out;
}

const std::string kSettingsFrame = frame(h2::kSettings, 0, 0, "");
const std::string kBegin = std::string(h2::kPreface) + kSettingsFrame;

// The code of the GOAWAY in what a session sends; -1: there is none.
int goaway_code(H2Session& session) {
  std::string out;
  session.pull_output(out);
  if (out.starts_with(h2::kPreface)) out.erase(0, h2::kPreface.size());
  for (std::string_view rest = out; rest.size() >= h2::kHead;) {
    const h2::Head head = h2::read_head(rest);
    if (head.type == h2::kGoaway) return static_cast<int>(h2::read_u32(rest.substr(h2::kHead + 4)));
    rest.remove_prefix(h2::kHead + head.length);
  }
  return -1;
}

struct Breach {
  std::string frames;
  std::uint32_t code;
};

TEST(H2Frames, EndAConnectionThatBreaksItsRules) {
  const std::string open = frame(h2::kHeaders, h2::kEndHeaders, 1, request_block());
  const std::string whole = frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, request_block());
  const std::string four(4, '\0');
  const std::vector<Breach> breaches = {
      {frame(h2::kPing, 0, 0, std::string(7, 'x')), h2_error::kFrameSize},
      {frame(h2::kPing, 0, 1, std::string(8, 'x')), h2_error::kProtocol},
      {frame(h2::kPing, 0, 0, std::string(16385, 'x')), h2_error::kFrameSize},
      {frame(h2::kSettings, 0, 1, ""), h2_error::kProtocol},
      {frame(h2::kSettings, 0, 0, "abcde"), h2_error::kFrameSize},
      {frame(h2::kSettings, h2::kAck, 0, "abcdef"), h2_error::kFrameSize},
      {frame(h2::kSettings, 0, 0, setting(2, 2)), h2_error::kProtocol},
      {frame(h2::kSettings, 0, 0, setting(4, 0x80000000)), h2_error::kFlowControl},
      {frame(h2::kSettings, 0, 0, setting(5, 100)), h2_error::kProtocol},
      {frame(h2::kSettings, 0, 0, setting(5, 1U << 24U)), h2_error::kProtocol},
      {frame(h2::kSettings, 0, 0, setting(8, 2)), h2_error::kProtocol},
      {frame(h2::kSettings, 0, 0, setting(8, 1)) + frame(h2::kSettings, 0, 0, setting(8, 0)), h2_error::kProtocol},
      {frame(h2::kGoaway, 0, 1, std::string(8, '\0')), h2_error::kProtocol},
      {frame(h2::kGoaway, 0, 0, four), h2_error::kFrameSize},
      {frame(h2::kWindowUpdate, 0, 0, "abc"), h2_error::kFrameSize},
      {frame(h2::kWindowUpdate, 0, 0, four), h2_error::kProtocol},
      {frame(h2::kWindowUpdate, 0, 0, "\x7f\xff\xff\xff"), h2_error::kFlowControl},
      {frame(h2::kWindowUpdate, 0, 1, "\1\1\1\1"), h2_error::kProtocol},
      {frame(h2::kRstStream, 0, 0, four), h2_error::kProtocol},
      {frame(h2::kRstStream, 0, 1, four), h2_error::kProtocol},
      {open + frame(h2::kRstStream, 0, 1, "abc"), h2_error::kFrameSize},
      {frame(h2::kData, 0, 0, "x"), h2_error::kProtocol},
      {frame(h2::kData, 0, 1, "x"), h2_error::kProtocol},
      {open + frame(h2::kData, h2::kPadded, 1, "\5abc"), h2_error::kProtocol},
      {open + frame(h2::kData, h2::kPadded, 1, ""), h2_error::kFrameSize},
      {whole + frame(h2::kData, 0, 1, "x"), h2_error::kStreamClosed},
      {whole + whole, h2_error::kStreamClosed},
      {frame(h2::kHeaders, h2::kEndHeaders, 2, request_block()), h2_error::kProtocol},
      {frame(h2::kHeaders, h2::kEndHeaders, 0, request_block()), h2_error::kProtocol},
      {frame(h2::kHeaders, h2::kEndHeaders | h2::kPadded, 1,
             "\x0f"
             "abc"),
       h2_error::kProtocol},
      {frame(h2::kHeaders, h2::kEndHeaders | h2::kHasPriority, 1, "\0\0\0\1x"s + request_block()), h2_error::kProtocol},
      {frame(h2::kHeaders, h2::kEndHeaders, 1, "\x80"), h2_error::kCompression},
      {frame(h2::kHeaders, 0, 1, request_block()) + frame(h2::kPing, 0, 0, std::string(8, 'x')), h2_error::kProtocol},
      {frame(h2::kHeaders, 0, 1, "") + frame(h2::kContinuation, h2::kEndHeaders, 3, ""), h2_error::kProtocol},
      {frame(h2::kContinuation, h2::kEndHeaders, 1, request_block()), h2_error::kProtocol},
      {frame(h2::kPushPromise, h2::kEndHeaders, 1, four), h2_error::kProtocol},
      {frame(h2::kPriority, 0, 1, four), h2_error::kFrameSize},
      {frame(h2::kPriority, 0, 1, "\0\0\0\1x"s), h2_error::kProtocol},
  };
  for (const Breach& breach : breaches) {
    Log log;
    H2Session server(Role::server, {}, log);
    EXPECT_FALSE(server.receive(kBegin + breach.frames)) << testing::PrintToString(breach.frames);
    EXPECT_EQ(goaway_code(server), static_cast<int>(breach.code)) << testing::PrintToString(breach.frames);
    EXPECT_TRUE(server.finished());
  }
}

TEST(H2Frames, EndAConnectionThatDoesNotBeginWithSettings) {
  Log log;
  H2Session server(Role::server, {}, log);
  EXPECT_FALSE(server.receive(std::string(h2::kPreface) + frame(h2::kHeaders, h2::kEndHeaders, 1, request_block())));
  H2Session client(Role::client, {}, log);
  EXPECT_FALSE(client.receive(frame(h2::kSettings, h2::kAck, 0, "")));
}

TEST(H2Frames, MeanTheSameHoweverTheyAreCut) {
  const std::string block = request_block();
  const std::string input =
      kBegin + frame(h2::kHeaders, h2::kHasPriority, 1, "\0\0\0\0\7"s + block.substr(0, 5)) +
      frame(h2::kContinuation, 0, 1, block.substr(5, 10)) +
      frame(h2::kContinuation, h2::kEndHeaders, 1, block.substr(15)) +
      frame(h2::kData, h2::kPadded, 1, "\3hel\0\0\0"s) + frame(0xbe, 0xff, 77, "of no known type") +
      frame(h2::kData, 0, 1, "lo") + frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, literal("x-sum", "5")) +
      frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream | h2::kPadded, 3, "\2"s + block + "\0\0"s);
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    Log log;
    H2Session server(Role::server, {}, log);
    EXPECT_TRUE(server.receive(input.substr(0, cut)));
    EXPECT_TRUE(server.receive(input.substr(cut)));
    ASSERT_EQ(log.text, "1 POST /\n1 body hello\n1 end x-sum=5\n3 POST /\n3 end") << cut;
  }
  Log log;
  H2Session server(Role::server, {}, log);
  for (const char c : input) ASSERT_TRUE(server.receive({&c, 1}));
  EXPECT_EQ(log.text, "1 POST /\n1 body hello\n1 end x-sum=5\n3 POST /\n3 end");
}

TEST(H2Frames, WhatHasBegunAndIsNotWholeHasANumberOfItsOwn) {
  Log log;
  H2Session server(Role::server, {}, log);
  ASSERT_TRUE(server.receive(kBegin));
  EXPECT_EQ(server.unfinished(), 0U);
  const std::string block = request_block();
  const std::string head = frame(h2::kHeaders, 0, 1, block.substr(0, 5));
  const std::string rest = frame(h2::kContinuation, h2::kEndHeaders, 1, block.substr(5));
  ASSERT_TRUE(server.receive(head));
  const std::uint64_t of_block = server.unfinished();
  EXPECT_NE(of_block, 0U);
  ASSERT_TRUE(server.receive(frame(h2::kContinuation, 0, 1, "") + rest.substr(0, 3)));
  ASSERT_TRUE(server.receive(rest.substr(3, 9)));
  EXPECT_EQ(server.unfinished(), of_block) << "whatever it is cut into";
  ASSERT_TRUE(server.receive(rest.substr(12) + frame(h2::kData, 0, 1, "hello").substr(0, 12)));
  EXPECT_EQ(server.unfinished(), 0U) << "a body is another matter";
  const std::string ping = frame(h2::kPing, 0, 0, std::string(8, 'x'));
  ASSERT_TRUE(server.receive("lo"));
  const std::string other = frame(h2::kHeaders, 0, 3, block.substr(0, 5));
  ASSERT_TRUE(server.receive(other.substr(0, 4)));
  const std::uint64_t of_other = server.unfinished();
  EXPECT_NE(of_other, of_block);
  ASSERT_TRUE(server.receive(other.substr(4)));
  EXPECT_EQ(server.unfinished(), of_other) << "the block began with the first piece of its first frame";
  ASSERT_TRUE(server.receive(frame(h2::kContinuation, h2::kEndHeaders, 3, block.substr(5))));
  EXPECT_EQ(server.unfinished(), 0U);
  ASSERT_TRUE(server.receive(ping.substr(0, 3)));
  const std::uint64_t of_ping = server.unfinished();
  ASSERT_TRUE(server.receive(ping.substr(3) + ping.substr(0, 11)));
  EXPECT_NE(server.unfinished(), of_ping);
  EXPECT_NE(server.unfinished(), 0U);
  ASSERT_TRUE(server.receive(ping.substr(11)));
  EXPECT_EQ(server.unfinished(), 0U);
}

TEST(H2Frames, PaddingIsGivenBackThoughNobodyConsumesIt) {
  Log log;
  H2Session server(Role::server, {.stream_window = 65535, .connection_window = 65535}, log);
  ASSERT_TRUE(server.receive(kBegin + frame(h2::kHeaders, h2::kEndHeaders, 1, request_block())));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(server.receive(frame(h2::kData, h2::kPadded, 1, "\xff"s + "x" + std::string(255, '\0'))));
  }
  EXPECT_EQ(log.text.find("reset"), std::string::npos);
}

TEST(H2Frames, AfterItsOwnResetAreTheStreamsFault) {
  const std::string reset = frame(h2::kRstStream, 0, 1, "\0\0\0\x8"s);
  const std::string refusal = frame(h2::kRstStream, 0, 1, "\0\0\0\5"s);
  const std::string open = frame(h2::kHeaders, h2::kEndHeaders, 1, request_block());
  for (const std::string& late : {frame(h2::kData, 0, 1, "x"), open}) {
    Log log;
    H2Session server(Role::server, {}, log);
    EXPECT_TRUE(server.receive(kBegin + open + reset + late));
    EXPECT_TRUE(server.receive(frame(h2::kHeaders, h2::kEndHeaders, 3, request_block())));
    EXPECT_EQ(log.text, "1 POST /\n1 reset 8\n3 POST /");
    std::string out;
    server.pull_output(out);
    EXPECT_NE(out.find(refusal), std::string::npos);
  }
}

TEST(H2Frames, OfAServerAfterItsOwnResetAreThrownAway) {
  const std::string begin = frame(h2::kSettings, 0, 0, "");
  const std::string head = literal(":status", "200");
  for (const std::string& late :
       {frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, head), frame(h2::kData, 0, 1, "x")}) {
    Log log;
    H2Session client(Role::client, {}, log);
    Request request;
    request.scheme = "http";
    request.method = "POST";
    request.authority = "a";
    request.target = "/";
    ASSERT_TRUE(client.receive(begin) && client.submit_request(request, false) && client.submit_request(request, true));
    EXPECT_TRUE(client.receive(frame(h2::kRstStream, 0, 1, "\0\0\0\x8"s) + late));
    EXPECT_TRUE(client.receive(frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 3, head)));
    EXPECT_EQ(log.text, "1 reset 8\n3 200 false\n3 end");
  }
}

TEST(H2Frames, AnAnswerThatWaitsForTheWindowCountsAsAStream) {
  H2Limits limits;
  limits.max_streams = 2;
  Log log;
  H2Session server(Role::server, limits, log);
  const auto request = [](StreamId id) {
    return frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, id, request_block());
  };
  ASSERT_TRUE(server.receive(kBegin + frame(h2::kSettings, 0, 0, "\0\4\0\0\0\0"s) + request(1) + request(3)));
  for (const StreamId id : {1, 3}) {
    ASSERT_TRUE(server.submit_response(id, {.status = 200, .body = true}, false));
    server.send_body(id, "answer", true);
    server.abandon(id);
    server.work_done(id);
  }
  EXPECT_TRUE(server.receive(request(5)));
  std::string out;
  server.pull_output(out);
  EXPECT_NE(out.find(frame(h2::kRstStream, 0, 5, "\0\0\0\7"s)), std::string::npos);
  EXPECT_TRUE(server.receive(frame(h2::kWindowUpdate, 0, 1, "\0\0\0\x10"s)));
  server.pull_output(out);
  EXPECT_TRUE(server.receive(request(7)));
  EXPECT_EQ(log.text, "1 POST /\n1 end\n3 POST /\n3 end\n7 POST /\n7 end");
}

TEST(H2Frames, BeyondItsWindowEndTheStream) {
  const std::string data = frame(h2::kData, 0, 1, std::string(10000, 'x'));
  Log log;
  H2Session server(Role::server, {.stream_window = 65535}, log);
  ASSERT_TRUE(server.receive(kBegin + frame(h2::kHeaders, h2::kEndHeaders, 1, request_block())));
  for (int i = 0; i < 7; ++i) EXPECT_TRUE(server.receive(data));
  EXPECT_TRUE(log.text.ends_with("\n1 reset 3")) << log.text.size();
}

TEST(H2Frames, AnswersAreJudgedToo) {
  struct Case {
    std::string_view method;
    std::string frames, told;
  };
  const auto head = [](std::uint8_t flags, const std::string& block) {
    return frame(h2::kHeaders, h2::kEndHeaders | flags, 1, block);
  };
  const std::string five = literal(":status", "200") + literal("content-length", "5");
  for (const Case& each : std::vector<Case>{
           {"GET", head(0, five) + frame(h2::kData, h2::kEndStream, 1, "hello"), "1 200 true\n1 body hello\n1 end"},
           {"GET", head(0, five) + frame(h2::kData, h2::kEndStream, 1, "hell"), "1 200 true\n1 body hell\n1 reset 1"},
           {"GET", head(0, five) + frame(h2::kData, 0, 1, "hello!"), "1 200 true\n1 reset 1"},
           {"GET", head(h2::kEndStream, five), "1 reset 1"},
           {"HEAD", head(h2::kEndStream, five), "1 200 false\n1 end"},
           {"HEAD", head(0, five) + frame(h2::kData, 0, 1, "hello"), "1 200 true\n1 reset 1"},
           {"GET", head(h2::kEndStream, literal(":status", "304") + literal("content-length", "5")),
            "1 304 false\n1 end"},
           {"GET", head(0, literal(":status", "100")) + head(h2::kEndStream, literal(":status", "204")),
            "1 100 false\n1 204 false\n1 end"},
           {"GET", head(h2::kEndStream, literal(":status", "100")), "1 reset 1"},
           {"GET", head(h2::kEndStream, literal(":status", "101")), "1 reset 1"},
           {"GET", head(h2::kEndStream, literal(":status", "20")), "1 reset 1"},
           {"GET", head(h2::kEndStream, literal("x", "y")), "1 reset 1"},
           {"GET", head(h2::kEndStream, literal(":status", "200") + literal(":path", "/")), "1 reset 1"},
           {"GET", frame(h2::kData, 0, 1, "x"), "1 reset 1"},
           {"GET", head(0, literal(":status", "200")) + head(0, literal("x", "y")), "1 200 true\n1 reset 1"},
           {"GET", head(0, literal(":status", "200")) + head(h2::kEndStream, literal(":status", "200")),
            "1 200 true\n1 reset 1"},
       }) {
    Log log;
    H2Session client(Role::client, {}, log);
    const Request request{.method = std::string(each.method), .scheme = "http", .authority = "a", .target = "/"};
    ASSERT_TRUE(client.submit_request(request, true));
    EXPECT_TRUE(client.receive(kSettingsFrame + each.frames));
    EXPECT_EQ(log.text, each.told) << testing::PrintToString(each.frames);
  }
}

TEST(H2Frames, StreamsTakeTurnsAndNoPullIsMuchLongerThanItsLimit) {
  constexpr std::size_t kLimit = 64U << 10U;
  Log log;
  H2Session client(Role::client, {}, log);
  std::string settings = frame(h2::kSettings, 0, 0, setting(4, 1U << 24U));
  settings += frame(h2::kWindowUpdate, 0, 0, "\x10\0\0\0"s);
  ASSERT_TRUE(client.receive(settings));
  std::vector<StreamId> ids;
  for (int i = 0; i < 4; ++i) {
    const Request request{.method = "POST", .scheme = "http", .authority = "a", .target = "/"};
    ids.push_back(client.submit_request(request, false).value());
    client.send_body(ids.back(), std::string(300000, 'x'), true);
  }
  std::vector<std::size_t> sent(8);
  std::size_t ended = 0;
  std::string begun;
  while (client.want_write()) {
    std::string out;
    client.pull_output(out, kLimit);
    EXPECT_LE(out.size(), 2 * kLimit);
    if (out.starts_with(h2::kPreface)) out.erase(0, h2::kPreface.size());
    for (std::string_view rest = out; !rest.empty();) {
      const h2::Head head = h2::read_head(rest);
      if (head.type == h2::kData) sent[static_cast<std::size_t>(head.stream)] += head.length;
      if (head.type == h2::kData && head.has(h2::kEndStream)) ++ended;
      rest.remove_prefix(h2::kHead + head.length);
    }
    const std::size_t least = std::min({sent[3], sent[5], sent[7]});
    const std::size_t most = std::max({sent[3], sent[5], sent[7]});
    EXPECT_LE(most - least, 2 * h2::kMaxFrame);
  }
  EXPECT_EQ(ended, 4U);
  for (const StreamId id : ids) EXPECT_EQ(sent[static_cast<std::size_t>(id)], 300000U);
}

TEST(H2Frames, FieldsThatExceedOneFrameGoOn) {
  Log log;
  H2Session client(Role::client, {}, log);
  H2Session server(Role::server, {}, log);
  Request request{.method = "GET", .scheme = "http", .authority = "a", .target = "/long"};
  for (int i = 0; i < 10; ++i) request.fields.add(fmt::format("x-{}", i), std::string(4000, 'a'));
  ASSERT_TRUE(client.submit_request(request, true));
  std::string out;
  client.pull_output(out);
  ASSERT_TRUE(server.receive(out));
  EXPECT_EQ(log.text, "1 GET /long\n1 end");
}

}  // namespace
}  // namespace bulkhead::http
