#include "http/h1_decoder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace bulkhead::http {
namespace {

using Kind = H1Step::Kind;
using Role = H1Decoder::Role;

std::string describe(const Fields& fields) {
  std::string text;
  for (const Field field : fields) text += fmt::format("|{}={}", field.name, field.value);
  return text;
}

std::string describe_head(H1Decoder& decoder, Role role) {
  if (role == Role::response) {
    const Response& response = decoder.response();
    return fmt::format("head {} body={} length={}{} keep={}\n", response.status, response.body,
                       response.content_length ? fmt::format("{}", *response.content_length) : "-",
                       describe(response.fields), decoder.keep_alive());
  }
  const Request& request = decoder.request();
  return fmt::format("head {} {}{} {} proto={} body={} length={} expect={}{} keep={}\n", request.method, request.scheme,
                     request.authority, request.target, request.protocol, request.body,
                     request.content_length ? fmt::format("{}", *request.content_length) : "-", request.expect_continue,
                     describe(request.fields), decoder.keep_alive());
}

struct Asked {
  std::string_view method = "GET";
  bool upgrade = false;
};

// Feeds `input` in pieces that end at each of `cuts` and writes down what the decoder says, bodies joined.
std::string transcript(Role role, std::string_view input, const std::vector<std::size_t>& cuts, FieldLimits limits = {},
                       Asked asked = {}) {
  H1Decoder decoder(role, limits);
  decoder.expect_response_to(asked.method, asked.upgrade);
  std::string log;
  std::string body;
  std::string buffer;
  std::size_t from = 0;
  const auto flush = [&] {
    if (!body.empty()) log += fmt::format("body {}\n", body);
    body.clear();
  };
  const auto note = [&](const H1Step& step) {
    if (step.kind == Kind::body) body += step.body;
    if (step.kind == Kind::head) log += describe_head(decoder, role);
    if (step.kind == Kind::refused) {
      flush();
      log += fmt::format("refused {} {}\n", decoder.refusal().status, decoder.refusal().reason);
    }
    if (step.kind == Kind::end) {
      flush();
      log += fmt::format("end{} keep={}\n", describe(decoder.trailers()), decoder.keep_alive());
    }
  };
  std::vector<std::size_t> ends = cuts;
  ends.push_back(input.size());
  for (const std::size_t end : ends) {
    buffer += input.substr(from, end - from);
    from = end;
    while (true) {
      const H1Step step = decoder.decode(buffer);
      note(step);
      buffer.erase(0, step.consumed);
      if (step.kind == Kind::refused) return log;
      if (step.kind == Kind::end && decoder.keep_alive()) decoder.next();
      if (step.kind == Kind::need_more) break;
    }
  }
  note(decoder.finish(buffer.size()));
  return log;
}

std::string whole(Role role, std::string_view input, FieldLimits limits = {}, Asked asked = {}) {
  return transcript(role, input, {}, limits, asked);
}

struct Refused {
  std::string_view input;
  std::uint16_t status;
  std::string_view reason;
};

TEST(H1Decoder, TakesAPlainRequest) {
  EXPECT_EQ(whole(Role::request, "GET /a?b HTTP/1.1\r\nHost: shop:80\r\nX-Case: Kept \r\n\r\n"),
            "head GET shop:80 /a?b proto= body=false length=- expect=false|X-Case=Kept keep=true\nend keep=true\n");
}

TEST(H1Decoder, TakesPipelinedRequestsInOrder) {
  EXPECT_EQ(whole(Role::request,
                  "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"),
            "head POST a /1 proto= body=true length=3 expect=false keep=true\nbody abc\nend keep=true\n"
            "head GET a /2 proto= body=false length=- expect=false keep=true\nend keep=true\n");
}

TEST(H1Decoder, JoinsChunksDropsExtensionsAndKeepsTrailers) {
  EXPECT_EQ(whole(Role::request,
                  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                  "5;x=y\r\nhello\r\n00A ; a = \"b;\\\"\" ;c\r\n, big worl\r\n1\r\nd\r\n0\r\nX-Sum: "
                  "1\r\nContent-Length: 9\r\nTxn-Token: a.b.c\r\n\r\n"),
            "head POST a / proto= body=true length=- expect=false keep=true\nbody hello, big world\n"
            "end|X-Sum=1 keep=true\n");
}

TEST(H1Decoder, KnowsWhetherTheConnectionGoesOn) {
  EXPECT_NE(whole(Role::request, "GET / HTTP/1.0\r\n\r\n").find("keep=false"), std::string::npos);
  EXPECT_NE(whole(Role::request, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").find("keep=true"),
            std::string::npos);
  EXPECT_NE(whole(Role::request, "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n").find("keep=false"),
            std::string::npos);
}

TEST(H1Decoder, SeesAnUpgradeOfAGetWithoutABody) {
  const std::string_view websocket = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
  EXPECT_NE(whole(Role::request, websocket).find("proto=websocket"), std::string::npos);
  const std::string_view h2c = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
  EXPECT_NE(whole(Role::request, h2c).find("proto= "), std::string::npos);
  const std::string_view unlisted = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
  EXPECT_NE(whole(Role::request, unlisted).find("proto= "), std::string::npos);
}

TEST(H1Decoder, TakesAbsoluteTargetsThatAgreeWithHost) {
  EXPECT_EQ(whole(Role::request, "GET http://Shop?q HTTP/1.1\r\nHost: shop\r\n\r\n"),
            "head GET httpShop /?q proto= body=false length=- expect=false keep=true\nend keep=true\n");
}

constexpr std::string_view kHead = "POST / HTTP/1.1\r\nHost: a\r\n";

TEST(H1Decoder, RefusesWhatCouldBeReadInTwoWays) {
  const std::vector<Refused> fields = {
      {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400, "both"},
      {"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400, "both"},
      {"Content-Length: 1\r\nContent-Length: 1\r\n", 400, "more than one Content-Length"},
      {"Content-Length: 1, 1\r\n", 400, "plain number"},
      {"Content-Length:\r\n", 400, "plain number"},
      {"Content-Length: +1\r\n", 400, "plain number"},
      {"Content-Length: -1\r\n", 400, "plain number"},
      {"Content-Length: 0x1\r\n", 400, "plain number"},
      {"Content-Length: 1 1\r\n", 400, "plain number"},
      {"Content-Length: 18446744073709551616\r\n", 400, "more than 18 digits"},
      {"Transfer-Encoding: chunked, chunked\r\n", 400, "other than chunked"},
      {"Transfer-Encoding: gzip, chunked\r\n", 400, "other than chunked"},
      {"Transfer-Encoding: identity\r\n", 400, "other than chunked"},
      {"Transfer-Encoding: xchunked\r\n", 400, "other than chunked"},
      {"Transfer-Encoding: \"chunked\"\r\n", 400, "other than chunked"},
      {"Transfer-Encoding:\r\n", 400, "other than chunked"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, "more than one"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400, "more than one"},
      {"Content-Length : 1\r\n", 400, "colon at once"},
      {"Transfer-Encoding\t: chunked\r\n", 400, "colon at once"},
      {" Content-Length: 1\r\n", 400, "folded"},
      {"X: a\r\n\tb\r\n", 400, "folded"},
      {": empty\r\n", 400, "name is empty"},
      {"no colon\r\n", 400, "colon at once"},
      {"X\r\n", 400, "colon at once"},
      {"X@Y: 1\r\n", 400, "colon at once"},
      {"X: a\nContent-Length: 1\r\n", 400, "bare LF"},
      {"X: a\rContent-Length: 1\r\n", 400, "control byte"},
      {"X: a\r\r\n", 400, "control byte"},
      {std::string_view("X: a\0b\r\n", 8), 400, "control byte"},
      {std::string_view("X\0: ab\r\n", 8), 400, "colon at once"},
      {"X: a\x7f\r\n", 400, "control byte"},
      {"X: 0123456789abcdef\x01 0123456789\r\n", 400, "control byte"},
      {"Host: a\r\n", 400, "more than one Host"},
      {"Host: b\r\n", 400, "more than one Host"},
      {"Expect: 200-ok\r\n", 417, "expectation"},
  };
  for (const Refused& each : fields) {
    const std::string log = whole(Role::request, fmt::format("{}{}\r\n", kHead, each.input));
    EXPECT_TRUE(log.starts_with(fmt::format("refused {} ", each.status))) << each.input << " gave " << log;
    EXPECT_NE(log.find(each.reason), std::string::npos) << each.input << " gave " << log;
  }
}

TEST(H1Decoder, RefusesBrokenFirstLinesAndHosts) {
  const std::vector<Refused> requests = {
      {"GET / HTTP/1.1\r\n\r\n", 400, "no Host"},
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "not a host"},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "not a host"},
      {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "not a host"},
      {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "not a host"},
      {"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400, "not a host"},
      {"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400, "differs"},
      {"GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", 400, "authority"},
      {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "neither"},
      {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, "CONNECT"},
      {"PRI http://a HTTP/1.0\r\n\r\n", 400, "preface"},
      {"PRI / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "preface"},
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "OPTIONS"},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"},
      {"GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"},
      {"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"},
      {"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"},
      {"GET /\r\nHost: a\r\n\r\n", 400, "request line"},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "HTTP/2.0"},
      {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, "version"},
      {"GET / http/1.1\r\nHost: a\r\n\r\n", 400, "version"},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "target"},
      {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "token"},
      {"GET / HTTP/1.1\nHost: a\n\n", 400, "bare LF"},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request line"},
      {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0"},
      {"\x16\x03\x01", 400, "first byte"},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabc", 400, "middle of a message"},
      {"GET / HTT", 400, "middle of a message"},
  };
  for (const Refused& each : requests) {
    const std::string log = whole(Role::request, each.input);
    const std::size_t at = log.find("refused ");
    ASSERT_NE(at, std::string::npos) << each.input << " gave " << log;
    EXPECT_TRUE(log.substr(at).starts_with(fmt::format("refused {} ", each.status))) << each.input << " gave " << log;
    EXPECT_NE(log.find(each.reason), std::string::npos) << each.input << " gave " << log;
  }
}

TEST(H1Decoder, RefusesLooseChunks) {
  const std::vector<std::string_view> bodies = {
      "0x1\r\na\r\n0\r\n\r\n",    " 1\r\na\r\n0\r\n\r\n",
      "1 \r\na\r\n0\r\n\r\n",     "+1\r\na\r\n0\r\n\r\n",
      "\r\na\r\n0\r\n\r\n",       "1\na\r\n0\r\n\r\n",
      "1\r\nab\r\n0\r\n\r\n",     "1\r\na\n0\r\n\r\n",
      "g\r\na\r\n0\r\n\r\n",      "1\r\na0\r\n\r\n",
      "1;a\rb\r\na\r\n0\r\n\r\n", "10000000000000000\r\na",
      "1\r\na\r\n0\r\nX\r\n",     "1\r\na\r\n0\r\n X: a\r\n\r\n",
      "1\r\na\r\n0\n\n",          "1;a\nb\r\na\r\n0\r\n\r\n",
      "1;\r\na\r\n0\r\n\r\n",     "1;=b\r\na\r\n0\r\n\r\n",
      "1;a=\r\na\r\n0\r\n\r\n",   "1;a=\"b\r\na\r\n0\r\n\r\n",
      "1;a;;b\r\na\r\n0\r\n\r\n", "1;a=b c\r\na\r\n0\r\n\r\n",
  };
  for (const std::string_view body : bodies) {
    const std::string input = fmt::format("{}Transfer-Encoding: chunked\r\n\r\n{}", kHead, body);
    EXPECT_NE(whole(Role::request, input).find("refused 400"), std::string::npos) << body;
  }
}

TEST(H1Decoder, NamesTheLimitThatIsExceeded) {
  const FieldLimits limits{.count = 3, .bytes = 200, .start_line = 60, .trailer_bytes = 40};
  const std::string long_target(60, 'x');
  EXPECT_NE(whole(Role::request, fmt::format("GET /{} HTTP/1.1\r\n", long_target), limits).find("refused 414"),
            std::string::npos);
  EXPECT_NE(whole(Role::request, "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits)
                .find("limit of 3 fields"),
            std::string::npos);
  EXPECT_NE(whole(Role::request, fmt::format("GET / HTTP/1.1\r\nHost: a\r\nA: {}", std::string(200, 'a')), limits)
                .find("refused 431 the head is above the limit of 200 bytes"),
            std::string::npos);
  const std::string trailers =
      fmt::format("{}Transfer-Encoding: chunked\r\n\r\n0\r\nA: {}\r\n\r\n", kHead, std::string(40, 'a'));
  EXPECT_NE(whole(Role::request, trailers, limits).find("limit of 40 bytes"), std::string::npos);
}

TEST(H1Decoder, FramesResponsesByMethodAndStatus) {
  const std::string_view sized = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
  EXPECT_EQ(whole(Role::response, sized), "head 200 body=true length=2 keep=true\nbody hi\nend keep=true\n");
  EXPECT_EQ(whole(Role::response, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", {}, {"HEAD", false}),
            "head 200 body=false length=2 keep=true\nend keep=true\n");
  EXPECT_EQ(whole(Role::response, "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n"),
            "head 304 body=false length=2 keep=true\nend keep=true\n");
  EXPECT_EQ(whole(Role::response, "HTTP/1.1 204 No Content\r\n\r\n"),
            "head 204 body=false length=- keep=true\nend keep=true\n");
  EXPECT_EQ(whole(Role::response, "HTTP/1.0 200\r\n\r\nuntil the end"),
            "head 200 body=true length=- keep=false\nbody until the end\nend keep=false\n");
}

TEST(H1Decoder, RelaysInterimHeadsBeforeTheFinalOne) {
  EXPECT_EQ(whole(Role::response,
                  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            "head 100 body=false length=- keep=true\nhead 103 body=false length=-|Link=x keep=true\n"
            "head 200 body=false length=0 keep=true\nend keep=true\n");
}

TEST(H1Decoder, BeginsATunnelOnlyWhenItWasAsked) {
  const std::string_view switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x01x";
  EXPECT_EQ(whole(Role::response, switching, {}, {"GET", true}),
            "head 101 body=true length=-|Upgrade=websocket keep=false\nbody \x81\x01x\nend keep=false\n");
  EXPECT_NE(whole(Role::response, switching).find("refused 502"), std::string::npos);
}

TEST(H1Decoder, RefusesAmbiguousResponses) {
  const std::vector<std::string_view> responses = {
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 204 OK\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1 100 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 099 OK\r\n\r\n",
      "HTTP/1.1 2000\r\n\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 200 O\x01K\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
  };
  for (const std::string_view response : responses) {
    EXPECT_NE(whole(Role::response, response).find("refused 502"), std::string::npos) << response;
  }
}

TEST(H1Decoder, SaysTheSameHoweverTheInputIsCut) {
  const std::string chunked = fmt::format(
      "\r\n{}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5;x\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n"
      "GET /next HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      kHead);
  const std::string responses =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "HTTP/1.1 200 OK\r\nX: y\r\n\r\nrest";
  const std::vector<std::pair<Role, std::string>> inputs = {
      {Role::request, chunked},
      {Role::response, responses},
      {Role::request, "GET / HTTP/1.1\r\nHost: a\r\nX: a\n\r\n"},
      {Role::request, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab"},
      {Role::request, fmt::format("{}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", kHead)},
      {Role::request, fmt::format("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", std::string(120, 'x'))},
      {Role::request, fmt::format("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", std::string(300, 'x'))},
  };
  const FieldLimits limits{.count = 16, .bytes = 300, .start_line = 100, .trailer_bytes = 100};
  for (const auto& [role, input] : inputs) {
    const std::string expected = whole(role, input, limits);
    std::vector<std::size_t> every;
    for (std::size_t cut = 1; cut < input.size(); ++cut) {
      every.push_back(cut);
      EXPECT_EQ(transcript(role, input, {cut}, limits), expected) << "cut at " << cut;
    }
    EXPECT_EQ(transcript(role, input, every, limits), expected) << "byte by byte";
  }
}

}  // namespace
}  // namespace bulkhead::http
