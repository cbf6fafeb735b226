// Our clients against our servers in both versions of HTTP.

#include "proxy/connections_fixture.hpp"

namespace bulkhead::proxy {
namespace {

INSTANTIATE_TEST_SUITE_P(Versions, Connections, ::testing::Values(UpstreamProtocol::http1, UpstreamProtocol::http2),
                         [](const auto& each) { return each.param == UpstreamProtocol::http1 ? "Http1" : "Http2"; });

// Echoes the body, with its length as a trailer.
Handler echo(net::Loop& loop) {
  return [&loop](ServerExchange& exchange) -> Task<> {
    http::Response response = response_of(200);
    response.fields.add("x-method", exchange.request().method);
    const Result<> head = co_await exchange.send_head(std::move(response), false);
    std::size_t total = 0;
    while (head) {
      const Result<BodyPart> part = co_await exchange.read_body(loop.in(10s));
      if (!part) co_return;
      total += part->data.size();
      const bool end = part->end;
      const Result<> sent = co_await exchange.send_body(part->data, false, loop.in(10s));
      if (!sent) co_return;
      if (end) break;
    }
    http::Fields trailers{{"x-total", fmt::format("{}", total)}};
    const Result<> ended = co_await exchange.send_trailers(std::move(trailers));
    EXPECT_TRUE(ended);
  };
}

TEST_P(Connections, CarryBodiesAndTrailersBothWaysAndAreUsedAgain) {
  handler_ = echo(loop_);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(loop_.run(ask(request_of("POST", "/"), "hello")), "200|x-method=POST hello|x-total=5");
  }
  EXPECT_EQ(loop_.run(ask(request_of("GET", "/"))), "200|x-method=GET |x-total=0");
  EXPECT_EQ(connected_, 1);
}

TEST_P(Connections, CarrySizedBodies) {
  handler_ = echo(loop_);
  http::Request request = request_of("PUT", "/");
  request.content_length = 5;
  EXPECT_EQ(loop_.run(ask(request, "hello")), "200|x-method=PUT hello|x-total=5");
  EXPECT_EQ(connected_, 1);
}

TEST_P(Connections, CarryMegabytesBothWaysAtOnce) {
  handler_ = echo(loop_);
  const std::size_t size = 5U << 20U;
  const auto transfer = [&]() -> Task<std::size_t> {
    auto exchange = co_await acquire(GetParam());
    http::Request request = request_of("POST", "/");
    request.body = true;
    const Result<> head = co_await (*exchange)->send_head(request, false, loop_.in(10s));
    EXPECT_TRUE(head);
    net::Gate sender(loop_);
    const auto send = [&]() -> Task<> {
      const std::string block(100'000, 'x');
      for (std::size_t sent = 0; sent < size; sent += block.size()) {
        const Result<> part = co_await (*exchange)->send_body(block, sent + block.size() >= size, loop_.in(10s));
        EXPECT_TRUE(part);
      }
    };
    sender.spawn(send());
    const Result<http::Response> answer = co_await (*exchange)->read_head(loop_.in(10s));
    EXPECT_TRUE(answer);
    const Result<std::string> body = co_await read_all(**exchange, loop_);
    co_await sender.close();
    co_return body ? body->size() : 0;
  };
  const std::size_t received = loop_.run(transfer());
  EXPECT_GE(received, size);
  EXPECT_LT(received, size + 100'000);
}

TEST_P(Connections, RelayInterimHeadsAndLeaveBodiesOut) {
  handler_ = [](ServerExchange& exchange) -> Task<> {
    http::Response hints = response_of(103);
    hints.fields.add("link", "a");
    co_await exchange.send_informational(std::move(hints));
    http::Response response = response_of(exchange.request().target == "/204" ? 204 : 200);
    if (exchange.request().method == "HEAD") response.content_length = 7;
    const Result<> head = co_await exchange.send_head(std::move(response), true);
    EXPECT_TRUE(head);
  };
  EXPECT_EQ(loop_.run(ask(request_of("GET", "/204"))), "103|link=a 204 ");
  EXPECT_EQ(loop_.run(ask(request_of("HEAD", "/"))), "103|link=a 200 ");
  EXPECT_EQ(loop_.run(ask(request_of("GET", "/"))), "103|link=a 200 ");
  EXPECT_EQ(connected_, 1);
}

TEST_P(Connections, KeepWhatBelongsToAHopFromTheHandler) {
  handler_ = [](ServerExchange& exchange) -> Task<> {
    std::string names;
    for (const http::Field field : exchange.request().fields) names += fmt::format("{}={} ", field.name, field.value);
    http::Response response = response_of(200);
    response.content_length = names.size();
    co_await exchange.send_head(std::move(response), false);
    co_await exchange.send_body(names, true, net::Deadline::never());
  };
  http::Request request = request_of("GET", "/");
  request.fields.add("te", "trailers");
  request.fields.add("x", "1");
  request.fields.add("connection", "x");
  EXPECT_EQ(loop_.run(ask(request)),
            GetParam() == UpstreamProtocol::http1 ? "200 x=1 te=trailers " : "200 te=trailers x=1 ");
}

TEST_P(Connections, TellTheHandlerThatTheClientLeft) {
  net::Event told(loop_);
  net::Event begun(loop_);
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    exchange.on_gone([&] { told.set(); });
    begun.set();
    co_await told.wait(loop_.in(10s));
    EXPECT_TRUE(exchange.gone());
    const Result<> late = co_await exchange.send_head(response_of(200), true);
    EXPECT_FALSE(late);
  };
  const auto leave = [&]() -> Task<> {
    auto exchange = co_await acquire(GetParam());
    co_await (*exchange)->send_head(request_of("GET", "/"), true, loop_.in(10s));
    co_await begun.wait(loop_.in(10s));
    exchange->reset();
    const Result<> heard = co_await told.wait(loop_.in(10s));
    EXPECT_TRUE(heard);
  };
  loop_.run(leave());
}

TEST_P(Connections, TellTheClientThatTheHandlerGaveUp) {
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    if (exchange.request().target == "/late") {
      co_await exchange.send_head(response_of(200), false);
      co_await exchange.send_body("half", false, loop_.in(10s));
    }
    exchange.reset(ResetReason::internal);
  };
  const auto give_up = [&](std::string target) -> Task<std::string> {
    auto exchange = co_await acquire(GetParam());
    const std::string told = co_await ask_on(**exchange, request_of("GET", target), "");
    EXPECT_FALSE((*exchange)->never_sent());
    co_return fmt::format("{} {}", (*exchange)->no_response_byte(), told);
  };
  const bool http1 = GetParam() == UpstreamProtocol::http1;
  EXPECT_EQ(loop_.run(give_up("/")), http1 ? "true the upstream closed the connection before its answer"
                                           : "true the upstream reset the stream with code 2");
  const std::string late = loop_.run(give_up("/late"));
  EXPECT_EQ(late.find("200 half"), std::string::npos) << "half an answer is not whole: " << late;
}

TEST_P(Connections, AnswerBeforeTheRequestIsWhole) {
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    http::Response response = response_of(413);
    response.content_length = 3;
    co_await exchange.send_head(std::move(response), false);
    co_await exchange.send_body("big", true, loop_.in(10s));
  };
  const auto early = [&]() -> Task<std::string> {
    auto exchange = co_await acquire(GetParam());
    http::Request request = request_of("POST", "/");
    request.body = true;
    co_await (*exchange)->send_head(request, false, loop_.in(10s));
    co_await (*exchange)->send_body("some of it", false, loop_.in(10s));
    const Result<http::Response> head = co_await (*exchange)->read_head(loop_.in(10s));
    if (!head) co_return head.error().message;
    const Result<std::string> body = co_await read_all(**exchange, loop_);
    co_return fmt::format("{} {}", head->status, body ? *body : body.error().message);
  };
  EXPECT_EQ(loop_.run(early()), "413 big");
  EXPECT_EQ(loop_.run(early()), "413 big");
}

TEST_P(Connections, CarryWebSockets) {
  handler_ = shout(loop_);
  const auto talk = [&]() -> Task<std::string> {
    auto exchange = co_await acquire(GetParam());
    http::Request request = request_of("GET", "/ws");
    request.protocol = "websocket";
    const Result<> sent = co_await (*exchange)->send_head(request, false, loop_.in(10s));
    if (!sent) co_return sent.error().message;
    const Result<http::Response> head = co_await (*exchange)->read_head(loop_.in(10s));
    if (!head) co_return head.error().message;
    EXPECT_EQ(head->status, 101);
    EXPECT_EQ(head->fields.find("sec-websocket-protocol"), "chat");
    EXPECT_FALSE(head->fields.has("sec-websocket-accept"));
    std::string heard;
    for (const std::string_view word : {"one", "two"}) {
      co_await (*exchange)->send_body(word, false, loop_.in(10s));
      const Result<BodyPart> part = co_await (*exchange)->read_body(loop_.in(10s));
      if (!part) co_return part.error().message;
      heard.append(part->data);
    }
    co_await (*exchange)->send_body({}, true, loop_.in(10s));
    const Result<BodyPart> last = co_await (*exchange)->read_body(loop_.in(10s));
    EXPECT_TRUE(last && last->end);
    co_return heard;
  };
  EXPECT_EQ(loop_.run(talk()), "ONETWO");
  EXPECT_EQ(loop_.run(ask(request_of("GET", "/"))), "426 ");
}

TEST_P(Connections, EndGracefullyAtShutdown) {
  net::Event begun(loop_);
  net::Event go_on(loop_);
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    begun.set();
    co_await go_on.wait(loop_.in(10s));
    co_await exchange.send_head(response_of(204), true);
  };
  const auto drain = [&]() -> Task<std::string> {
    auto exchange = co_await acquire(GetParam());
    co_await (*exchange)->send_head(request_of("GET", "/"), true, loop_.in(10s));
    co_await begun.wait(loop_.in(10s));
    shutdown_.set();
    go_on.set();
    const Result<http::Response> head = co_await (*exchange)->read_head(loop_.in(10s));
    exchange->reset();
    co_await servers_.close();
    co_return head ? fmt::format("{}", head->status) : head.error().message;
  };
  EXPECT_EQ(loop_.run(drain()), "204");
}

TEST_P(Connections, EndAtShutdownWhenTheyNeverSaidAnything) {
  options_.idle_timeout = 1h;
  options_.head_timeout = 1h;
  const auto drain = [&]() -> Task<> {
    auto [client, server] = stream_pair(loop_);
    servers_.spawn(serve_one(std::move(server)));
    shutdown_.set();
    co_await servers_.close();
  };
  loop_.run(drain());
}

TEST_P(Connections, KnowThatNothingWasSentWhenAKeptConnectionWasClosed) {
  int asked = 0;
  const Handler echoes = echo(loop_);
  handler_ = [&](ServerExchange& exchange) {
    ++asked;
    return echoes(exchange);
  };
  EXPECT_EQ(loop_.run(ask(request_of("GET", "/"))), "200|x-method=GET |x-total=0");
  const auto lose = [&]() -> Task<> {
    auto exchange = co_await acquire(GetParam());
    shutdown_.set();
    co_await servers_.close();
    const Result<> sent = co_await (*exchange)->send_head(request_of("GET", "/"), true, loop_.in(10s));
    EXPECT_FALSE(sent);
    EXPECT_TRUE((*exchange)->never_sent());
    EXPECT_TRUE((*exchange)->no_response_byte());
  };
  loop_.run(lose());
  EXPECT_EQ(connected_, 1) << "it was the kept one";
  EXPECT_EQ(asked, 1);
}

TEST_P(Connections, AreCutByCloseAll) {
  net::Event begun(loop_);
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    net::Event over(loop_);
    exchange.on_gone([&] { over.set(); });
    begun.set();
    co_await over.wait(loop_.in(10s));
  };
  const auto cut = [&]() -> Task<> {
    auto exchange = co_await acquire(GetParam());
    co_await (*exchange)->send_head(request_of("GET", "/"), true, loop_.in(10s));
    co_await begun.wait(loop_.in(10s));
    pool_.close_all("shop");
    const Result<http::Response> head = co_await (*exchange)->read_head(loop_.in(10s));
    EXPECT_FALSE(head);
    EXPECT_FALSE((*exchange)->never_sent());
  };
  loop_.run(cut());
}

TEST_P(Connections, OfAnOlderGenerationTakeNothingNew) {
  handler_ = echo(loop_);
  EXPECT_EQ(loop_.run(ask(request_of("GET", "/"))), "200|x-method=GET |x-total=0");
  pool_.retire_before(1);
  EXPECT_EQ(loop_.run(ask(request_of("GET", "/"))), "200|x-method=GET |x-total=0");
  EXPECT_EQ(connected_, 2);
}

TEST_P(Connections, TellAConnectorsFaultToAllWhoWait) {
  net::Event failed(loop_);
  const Connector nobody = [&](net::Deadline) -> Task<Result<net::Stream>> {
    co_await failed.wait(loop_.in(10s));
    co_return fail(Cause::unreachable, "nobody listens");
  };
  int told = 0;
  const PoolTarget target{"nobody", GetParam(), 0};
  const auto ask_nobody = [&]() -> Task<> {
    const auto exchange = co_await pool_.acquire(target, nobody, loop_.in(10s));
    EXPECT_FALSE(exchange);
    if (!exchange && exchange.error().cause == Cause::unreachable) ++told;
  };
  const auto all = [&]() -> Task<> {
    net::Gate askers(loop_);
    for (int i = 0; i < 3; ++i) askers.spawn(ask_nobody());
    failed.set();
    co_await askers.close();
  };
  loop_.run(all());
  EXPECT_EQ(told, 3);
}

using Http2 = Connections;
INSTANTIATE_TEST_SUITE_P(Version, Http2, ::testing::Values(UpstreamProtocol::http2));

TEST_P(Http2, SharesOneConnectionAmongManyRequests) {
  handler_ = echo(loop_);
  int right = 0;
  const auto one = [&]() -> Task<> {
    const std::string told = co_await ask(request_of("POST", "/"), "hello");
    right += told == "200|x-method=POST hello|x-total=5" ? 1 : 0;
  };
  const auto many = [&]() -> Task<> {
    net::Gate askers(loop_);
    for (int i = 0; i < 50; ++i) askers.spawn(one());
    co_await askers.close();
  };
  loop_.run(many());
  EXPECT_EQ(right, 50);
  EXPECT_EQ(connected_, 1);
}

TEST_P(Connections, HoldASenderWhoseReceiverDoesNotRead) {
  bool held = false;
  handler_ = [&](ServerExchange& exchange) -> Task<> {
    co_await exchange.send_head(response_of(200), false);
    const std::string block(1U << 20U, 'x');
    for (int i = 0; i < 64 && !held; ++i) {
      const Result<> sent = co_await exchange.send_body(block, false, loop_.in(20ms));
      held = !sent && sent.error().cause == Cause::timeout;
    }
    exchange.reset(ResetReason::timeout);
  };
  const auto stall = [&]() -> Task<> {
    auto exchange = co_await acquire(GetParam());
    co_await (*exchange)->send_head(request_of("GET", "/"), true, loop_.in(10s));
    const Result<http::Response> head = co_await (*exchange)->read_head(loop_.in(10s));
    shutdown_.set();
    co_await servers_.close();
  };
  loop_.run(stall());
  EXPECT_TRUE(held);
}

// A gateway in front: HTTP/1 outside, the other side as the parameter says.
TEST_P(Connections, CarryAWebSocketThroughAHopThatChangesTheVersion) {
  handler_ = shout(loop_);
  const auto pump = [&](auto& from, auto& to) -> Task<> {
    while (true) {
      const Result<BodyPart> part = co_await from.read_body(loop_.in(10s));
      if (!part) co_return;
      const bool end = part->end;
      const Result<> sent = co_await to.send_body(part->data, end, loop_.in(10s));
      if (!sent || end) co_return;
    }
  };
  const Handler forward = [&](ServerExchange& server) -> Task<> {
    auto upstream = co_await acquire(GetParam());
    if (!upstream) co_return;
    ClientExchange& client = **upstream;
    co_await client.send_head(server.request(), false, loop_.in(10s));
    Result<http::Response> head = co_await client.read_head(loop_.in(10s));
    if (!head) co_return;
    co_await server.send_head(std::move(*head), false);
    net::Gate both(loop_);
    both.spawn(pump(server, client));
    both.spawn(pump(client, server));
    co_await both.close();
  };
  for (const UpstreamProtocol outside : {UpstreamProtocol::http1, UpstreamProtocol::http2}) {
    const Connector to_gateway = [&](net::Deadline) -> Task<Result<net::Stream>> {
      auto [client, server] = stream_pair(loop_);
      servers_.spawn(serve_with(std::move(server), forward));
      co_return std::move(client);
    };
    const std::string key = fmt::format("gateway {}", static_cast<int>(outside));
    const PoolTarget gateway{key, outside, 0};
    const auto talk = [&]() -> Task<std::string> {
      auto exchange = co_await pool_.acquire(gateway, to_gateway, loop_.in(10s));
      http::Request request = request_of("GET", "/ws");
      request.protocol = "websocket";
      co_await (*exchange)->send_head(request, false, loop_.in(10s));
      const Result<http::Response> head = co_await (*exchange)->read_head(loop_.in(10s));
      if (!head) co_return head.error().message;
      co_await (*exchange)->send_body("over the hop", true, loop_.in(10s));
      const Result<std::string> heard = co_await read_all(**exchange, loop_);
      co_return fmt::format("{} {}", head->status, heard ? *heard : heard.error().message);
    };
    EXPECT_EQ(loop_.run(talk()), "101 OVER THE HOP");
  }
}

}  // namespace
}  // namespace bulkhead::proxy
