// The race of a kept connection: the server closes it at the moment that a request is sent on it.

#include <deque>
#include <vector>

#include "proxy/connections_fixture.hpp"
#include "proxy/relay.hpp"

namespace bulkhead::proxy {
namespace {

// A relay between a client and servers that it keeps connections to, each of which can be ended by itself.
class KeptConnection : public Connections {
 protected:
  KeptConnection() {
    connector_ = [this](net::Deadline) { return connect_apart(); };
    handler_ = [this](ServerExchange& exchange) { return take(exchange); };
  }
  // What ends_ holds is waited for until then.
  ~KeptConnection() override { loop_.run(end()); }

  struct End {
    explicit End(net::Loop& loop) : wanted(loop), done(loop) {}
    net::Event wanted;
    net::Event done;
  };

  Task<Result<net::Stream>> connect_apart() {
    auto [client, server] = stream_pair(loop_);
    ++connected_;
    servers_.spawn(serve_until(std::move(server), ends_.emplace_back(loop_)));
    co_return std::move(client);
  }

  Task<> serve_until(net::Stream server, End& end) {
    co_await serve(std::move(server), handler_, options_, end.wanted);
    end.done.set();
  }

  // As a server does with a connection that was idle for long enough.
  Task<> end_newest() {
    ends_.back().wanted.set();
    const Result<> done = co_await ends_.back().done.wait(loop_.in(10s));
    EXPECT_TRUE(done);
  }

  // Notes what came whole, and answers it unless it is to break off.
  Task<> take(ServerExchange& exchange) {
    const Result<std::string> body = co_await read_all(exchange, loop_);
    processed_.push_back(fmt::format("{} {}", exchange.request().method, body ? *body : body.error().message));
    if (breaks_off_) co_return exchange.reset(ResetReason::internal);
    co_await exchange.send_head(response_of(204), true);
  }

  // Where the relay sends what it is asked: whatever the pool has, and then something may happen before it is used.
  class Kept final : public Destination {
   public:
    explicit Kept(KeptConnection& test) : test_(test) {}
    Task<Attempt> next(Visit&, net::Deadline) override {
      ++test_.tries_;
      auto exchange = co_await test_.acquire(GetParam());
      EXPECT_TRUE(exchange);
      if (std::exchange(test_.ends_before_sending_, false)) co_await test_.end_newest();
      co_return std::move(*exchange);
    }
    void prepare(http::Request&, net::Deadline) override {}
    void ended(const std::optional<TryOutcome>&) override {}

   private:
    KeptConnection& test_;
  };

  // By the usual terms: no call's settings allow a repetition.
  Task<> pass_on(ServerExchange& exchange) {
    http::Request request = std::move(exchange.request());
    Kept destination(*this);
    Visit visit;
    Flight flight;
    co_await relay(exchange, request, destination, visit, rules_, {}, flight, loop_);
  }

  Task<Result<net::Stream>> connect_to_relay() {
    auto [client, server] = stream_pair(loop_);
    servers_.spawn(serve_with(std::move(server), relay_));
    co_return std::move(client);
  }

  // Its answer's status, or why there is none.
  Task<std::string> post(std::string body) {
    const Connector connector = [this](net::Deadline) { return connect_to_relay(); };
    const PoolTarget target{"relay", UpstreamProtocol::http1, 0};
    auto exchange = co_await pool_.acquire(target, connector, loop_.in(10s));
    const std::string told = co_await ask_on(**exchange, request_of("POST", "/"), std::move(body));
    co_return told.substr(0, 3);
  }

  RelayRules rules_{.hop_name = "test"};
  Handler relay_ = [this](ServerExchange& exchange) { return pass_on(exchange); };
  std::deque<End> ends_;
  std::vector<std::string> processed_;
  bool ends_before_sending_ = false;
  bool breaks_off_ = false;
  int tries_ = 0;
};

using Processed = std::vector<std::string>;

INSTANTIATE_TEST_SUITE_P(Versions, KeptConnection, ::testing::Values(UpstreamProtocol::http1, UpstreamProtocol::http2),
                         [](const auto& each) { return each.param == UpstreamProtocol::http1 ? "Http1" : "Http2"; });

TEST_P(KeptConnection, ThatClosesBeforeARequestIsSentGivesItToAnotherOnce) {
  EXPECT_EQ(loop_.run(post("first")), "204");
  ends_before_sending_ = true;
  EXPECT_EQ(loop_.run(post("second")), "204");
  EXPECT_EQ(connected_, 2);
  EXPECT_EQ(tries_, 3) << "one for the first request, two for the second";
  EXPECT_EQ(processed_, (Processed{"POST first", "POST second"}));
}

TEST_P(KeptConnection, ThatClosesAfterARequestWasSentKeepsItFromBeingSentAgain) {
  EXPECT_EQ(loop_.run(post("first")), "204");
  breaks_off_ = true;
  EXPECT_EQ(loop_.run(post("second")), "502");
  EXPECT_EQ(connected_, 1);
  EXPECT_EQ(tries_, 2) << "one for each request";
  EXPECT_EQ(processed_, (Processed{"POST first", "POST second"}));
}

TEST_P(KeptConnection, ThatWasClosedIsNotTriedAtAll) {
  EXPECT_EQ(loop_.run(post("first")), "204");
  loop_.run(end_newest());
  EXPECT_EQ(loop_.run(post("second")), "204");
  EXPECT_EQ(connected_, 2);
  EXPECT_EQ(tries_, 2) << "one for each request";
  EXPECT_EQ(processed_, (Processed{"POST first", "POST second"}));
}

// Our own pools leave a connection to our own servers before these do, lest most requests after a pause meet the race.
TEST(IdleTimes, OfThePoolAreBelowThoseOfTheServer) {
  EXPECT_LT(PoolOptions{}.idle_timeout, ServerOptions{}.idle_timeout);
}

}  // namespace
}  // namespace bulkhead::proxy
