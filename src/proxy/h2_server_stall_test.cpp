// A client of HTTP/2 that never opens its window: its answers end after the server's write_timeout.

#include "proxy/connections_fixture.hpp"

namespace bulkhead::proxy {
namespace {

constexpr std::uint32_t kWindow = 16U << 10U;

// Takes what its window lets through and gives nothing back.
class Miser final : public http::H2Events {
 public:
  Miser(net::Loop& loop, net::Stream stream)
      : loop_(loop),
        stream_(std::move(stream)),
        session_(http::H2Session::Role::client, {.stream_window = kWindow}, *this) {}

  Result<http::StreamId> get(std::string target) { return session_.submit_request(request_of("GET", target), true); }

  // Writes and reads until this is so; whether it became so.
  Task<bool> until(std::function<bool()> condition) {
    const net::Deadline deadline = loop_.in(10s);
    std::array<char, 4096> buffer{};
    while (!condition()) {
      std::string out;
      session_.pull_output(out);
      const Result<> written = co_await stream_.write(out, deadline);
      if (!written) co_return false;
      const Result<std::size_t> size = co_await stream_.read(buffer, deadline);
      if (!size || *size == 0) co_return false;
      const Result<> received = session_.receive({buffer.data(), *size});
      if (!received) co_return false;
    }
    co_return true;
  }

  std::size_t bytes() const { return bytes_; }
  const std::string& told() const { return told_; }

 private:
  void on_response(http::StreamId id, http::Response&& response) override {
    told_ += fmt::format("{}: {}\n", id, response.status);
  }
  void on_body(http::StreamId, std::string_view data) override { bytes_ += data.size(); }
  void on_end(http::StreamId id, http::Fields&&) override { told_ += fmt::format("{}: end\n", id); }
  void on_reset(http::StreamId id, std::uint32_t code, bool) override {
    told_ += fmt::format("{}: reset {}\n", id, code);
  }

  net::Loop& loop_;
  net::Stream stream_;
  http::H2Session session_;
  std::size_t bytes_ = 0;
  std::string told_;
};

class StalledStream : public Connections {
 protected:
  StalledStream() { options_.write_timeout = 20ms; }

  // What its client is told after it asked for `/`, and then, on the same connection, for something short.
  Task<std::string> ask_and_stall() {
    auto [client, server] = stream_pair(loop_);
    servers_.spawn(serve_one(std::move(server)));
    Miser miser(loop_, std::move(client));
    EXPECT_TRUE(miser.get("/"));
    const bool reset = co_await miser.until([&] { return miser.told().contains("reset"); });
    EXPECT_TRUE(reset) << "nothing ended it: " << miser.told();
    EXPECT_EQ(miser.bytes(), kWindow);
    EXPECT_TRUE(miser.get("/short"));
    const bool answered = co_await miser.until([&] { return miser.told().contains("3: end"); });
    EXPECT_TRUE(answered) << "the connection did not go on: " << miser.told();
    co_return miser.told();
  }

  // Says how the sending of that much went; the exchange's own deadline is none.
  Handler answer_with(std::size_t size) {
    return [this, size](ServerExchange& exchange) -> Task<> {
      if (exchange.request().target == "/short") {
        co_await exchange.send_head(response_of(204), true);
        co_return;
      }
      http::Response head = response_of(200);
      head.content_length = size;
      co_await exchange.send_head(std::move(head), false);
      const std::string body(size, 'x');
      const Result<> sent = co_await exchange.send_body(body, true, net::Deadline::never());
      sent_ = sent ? "sent" : sent.error().message;
    };
  }

  std::string sent_ = "waits";
};

INSTANTIATE_TEST_SUITE_P(Version, StalledStream, ::testing::Values(UpstreamProtocol::http2));

TEST_P(StalledStream, EndsWhileItsHandlerWaitsForTheWindow) {
  handler_ = answer_with(1U << 20U);
  EXPECT_EQ(loop_.run(ask_and_stall()), "1: 200\n1: reset 2\n3: 204\n3: end\n");
  EXPECT_EQ(sent_, "the client does not take the answer's body");
}

// What is left of it fits the stream's buffer, so that its handler has long returned.
TEST_P(StalledStream, EndsThoughItsAnswerIsFinished) {
  handler_ = answer_with(kWindow + 1000);
  EXPECT_EQ(loop_.run(ask_and_stall()), "1: 200\n1: reset 8\n3: 204\n3: end\n");
  EXPECT_EQ(sent_, "sent");
}

TEST_P(StalledStream, OfWhichEachEndsByItself) {
  handler_ = answer_with(kWindow + 1000);
  const auto two = [&]() -> Task<std::string> {
    auto [client, server] = stream_pair(loop_);
    servers_.spawn(serve_one(std::move(server)));
    Miser miser(loop_, std::move(client));
    EXPECT_TRUE(miser.get("/"));
    EXPECT_TRUE(miser.get("/"));
    const auto both = [&] { return miser.told().contains("1: reset 8") && miser.told().contains("3: reset 8"); };
    const bool reset = co_await miser.until(both);
    EXPECT_TRUE(reset);
    co_return miser.told();
  };
  EXPECT_EQ(loop_.run(two()), "1: 200\n3: 200\n1: reset 8\n3: reset 8\n");
}

}  // namespace
}  // namespace bulkhead::proxy
