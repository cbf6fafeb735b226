// Raw bytes against an HTTP/1 server, and raw answers against an HTTP/1 client.

#include "proxy/connections_fixture.hpp"

namespace bulkhead::proxy {
namespace {

using Http1 = Connections;
INSTANTIATE_TEST_SUITE_P(Version, Http1, ::testing::Values(UpstreamProtocol::http1));

constexpr std::string_view kClose = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

Handler name_target(net::Loop& loop) {
  return [&loop](ServerExchange& exchange) -> Task<> {
    const std::string target = exchange.request().target;
    http::Response response = response_of(200);
    response.content_length = target.size();
    co_await exchange.send_head(std::move(response), false);
    co_await exchange.send_body(target, true, loop.in(10s));
  };
}

TEST_P(Http1, AnswersPipelinedRequestsInOrder) {
  handler_ = name_target(loop_);
  const std::string answer =
      loop_.run(raw(fmt::format("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                                "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nunread{}",
                                kClose)));
  EXPECT_EQ(answer,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/1HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/2"
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n/last");
}

TEST_P(Http1, ClosesAfterWhatItRefuses) {
  handler_ = name_target(loop_);
  const std::string answer = loop_.run(raw(
      fmt::format("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n{}", kClose)));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
  EXPECT_EQ(answer.find("/last"), std::string::npos);
}

TEST_P(Http1, ClosesWhenTooMuchOfABodyIsUnread) {
  handler_ = name_target(loop_);
  options_.drain_bytes = 10;
  const std::string answer = loop_.run(raw(fmt::format(
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{}{}", std::string(100000, 'x'), kClose)));
  EXPECT_EQ(answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/1");
}

TEST_P(Http1, SaysThatAHeadCameTooLate) {
  options_.head_timeout = 1ms;
  const std::string answer = loop_.run(raw("GET / HTTP/1.1\r\nHost:"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
}

TEST_P(Http1, EndsABodyThatComesTooSlowly) {
  options_.body_grace = 1ms;
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    const Result<BodyPart> part = co_await exchange.read_body(loop_.in(10s));
    EXPECT_FALSE(part);
    if (!part) EXPECT_EQ(part.error().cause, Cause::timeout);
    co_await exchange.send_head(response_of(408), true);
  };
  const std::string answer = loop_.run(raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST_P(Http1, EndsAConnectionThatNobodyReads) {
  options_.write_timeout = 1ms;
  bool failed = false;
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    co_await exchange.send_head(response_of(200), false);
    const std::string piece(1U << 20U, 'x');
    for (int i = 0; i < 256 && !failed; ++i) {
      const Result<> sent = co_await exchange.send_body(piece, false, loop_.in(10s));
      failed = !sent;
    }
  };
  const auto never_read = [&]() -> Task<> {
    auto [client, server] = stream_pair(loop_);
    co_await client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n", loop_.in(10s));
    co_await serve(std::move(server), handler_, options_, shutdown_);
  };
  loop_.run(never_read());
  EXPECT_TRUE(failed);
}

TEST_P(Http1, AsksForABodyOnlyWhenItIsRead) {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    const Result<std::string> body = co_await read_all(exchange, loop_);
    EXPECT_EQ(body.value_or(""), "hi");
    co_await exchange.send_head(response_of(204), true);
  };
  const std::string answer = loop_.run(raw(head + "hi"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n")) << answer;
}

TEST_P(Http1, ClosesWhenABodyWasPromisedAndNotAskedFor) {
  handler_ = name_target(loop_);
  const std::string answer =
      loop_.run(raw("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(answer, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n/no");
}

TEST_P(Http1, AnswersAClientThatEndedItsSide) {
  handler_ = name_target(loop_);
  const auto half_close = [&](std::string requests) -> Task<std::string> {
    auto [client, server] = stream_pair(loop_);
    co_await client.write(requests, loop_.in(10s));
    co_await client.shutdown_write(loop_.in(10s));
    servers_.spawn(serve_one(std::move(server)));
    std::string answer;
    std::array<char, 4096> buffer{};
    while (true) {
      const Result<std::size_t> size = co_await client.read(buffer, loop_.in(10s));
      if (!size || *size == 0) co_return answer;
      answer.append(buffer.data(), *size);
    }
  };
  EXPECT_EQ(loop_.run(half_close(
                "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/1HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/2");
}

TEST_P(Http1, TakesAClientForGoneThatEndedItsSideAndGetsNothing) {
  options_.half_close_grace = 1ms;
  net::Event told(loop_);
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    exchange.on_gone([&] { told.set(); });
    const Result<> heard = co_await told.wait(loop_.in(10s));
    EXPECT_TRUE(heard);
  };
  const auto half_close = [&]() -> Task<> {
    auto [client, server] = stream_pair(loop_);
    co_await client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n", loop_.in(10s));
    co_await client.shutdown_write(loop_.in(10s));
    servers_.spawn(serve_one(std::move(server)));
    co_await told.wait(loop_.in(10s));
  };
  loop_.run(half_close());
}

TEST_P(Http1, HoldsATunnelsEarlyBytesUntilItIsAccepted) {
  handler_ = shout(loop_);
  const auto early = [&]() -> Task<std::string> {
    auto [client, server] = stream_pair(loop_);
    servers_.spawn(serve_one(std::move(server)));
    const std::string_view bytes =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nearly";
    co_await client.write(bytes, loop_.in(10s));
    std::string answer;
    std::array<char, 4096> buffer{};
    while (!answer.ends_with("EARLY")) {
      const Result<std::size_t> size = co_await client.read(buffer, loop_.in(10s));
      if (!size || *size == 0) break;
      answer.append(buffer.data(), *size);
    }
    co_return answer;
  };
  EXPECT_EQ(
      loop_.run(early()),
      "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-protocol: chat\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nEARLY");
}

TEST_P(Http1, TreatsEarlyBytesAsTheNextRequestWhenTheTunnelIsRefused) {
  handler_ = name_target(loop_);
  const std::string answer = loop_.run(
      raw(fmt::format("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n{}", kClose)));
  EXPECT_EQ(answer,
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n/wsHTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: "
            "close\r\n\r\n/last");
}

TEST_P(Http1, EndsTheConnectionWhenAnAnswerIsShorterThanPromised) {
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    http::Response response = response_of(200);
    response.content_length = 10;
    co_await exchange.send_head(std::move(response), false);
    const Result<> sent = co_await exchange.send_body("short", true, loop_.in(10s));
    EXPECT_FALSE(sent);
  };
  EXPECT_EQ(loop_.run(raw(std::string(kClose))).find("short"), std::string::npos);
}

TEST_P(Http1, RefusesUpstreamsThatSmuggle) {
  const auto ask_bad = [&](std::string_view answer) -> Task<std::string> {
    auto [client, server] = stream_pair(loop_);
    net::Stream held = std::move(server);
    const Connector connector = [&](net::Deadline) -> Task<Result<net::Stream>> { co_return std::move(client); };
    const std::string key = fmt::format("bad{}", answer);
    const PoolTarget target{key, UpstreamProtocol::http1, 0};
    auto exchange = co_await pool_.acquire(target, connector, loop_.in(10s));
    co_await (*exchange)->send_head(request_of("GET", "/"), true, loop_.in(10s));
    co_await held.write(answer, loop_.in(10s));
    const Result<http::Response> head = co_await (*exchange)->read_head(loop_.in(10s));
    if (!head) co_return fmt::format("{}", to_string(head.error().cause));
    const Result<std::string> body = co_await read_all(**exchange, loop_);
    exchange->reset();
    co_return fmt::format("{} {} kept={}", head->status, body ? *body : "?", pool_.connections(target.key));
  };
  EXPECT_EQ(loop_.run(ask_bad("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")),
            to_string(Cause::protocol));
  EXPECT_EQ(loop_.run(ask_bad("HTTP/1.1 101 Switching Protocols\r\n\r\n")), to_string(Cause::protocol));
  EXPECT_EQ(loop_.run(ask_bad("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")), "200 hi kept=1");
  EXPECT_EQ(loop_.run(ask_bad("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK")), "200 hi kept=0");
}

}  // namespace
}  // namespace bulkhead::proxy
