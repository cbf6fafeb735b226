// Clients that send slowly over HTTP/2.

#include "http/h2_frame.hpp"
#include "net/timer.hpp"
#include "proxy/connections_fixture.hpp"

namespace bulkhead::proxy {
namespace {

namespace h2 = http::h2;

std::string frame(std::uint8_t type, std::uint8_t flags, http::StreamId id, std::string_view payload) {
  std::string out;
  h2::append_head({static_cast<std::uint32_t>(payload.size()), type, flags, id}, out);
  return out.append(payload);
}

const std::string kBegin = std::string(h2::kPreface) + frame(h2::kSettings, 0, 0, "");
// :method GET, :scheme http, :path /, by their numbers in HPACK's static table.
constexpr std::string_view kBlock = "\x82\x86\x84";

class H2Slow : public Connections {
 protected:
  // A body in two halves, the second long after the first; the answer's status.
  Task<std::string> ask_in_halves(http::Request request) {
    auto exchange = co_await acquire(UpstreamProtocol::http2);
    if (!exchange) co_return exchange.error().message;
    request.body = true;
    const Result<> head = co_await (*exchange)->send_head(request, false, loop_.in(10s));
    const Result<> half = co_await (*exchange)->send_body("half", false, loop_.in(10s));
    EXPECT_TRUE(head && half);
    co_await net::sleep(loop_, loop_.in(100ms));
    static_cast<void>(co_await (*exchange)->send_body("half", true, loop_.in(10s)));
    const Result<http::Response> answer = co_await (*exchange)->read_head(loop_.in(10s));
    if (!answer) co_return answer.error().message;
    const Result<std::string> body = co_await read_all(**exchange, loop_);
    co_return fmt::format("{} {}", answer->status, body ? *body : body.error().message);
  }

  // Answers with how long the body was; 408 where it came too slowly.
  Handler count(bool answers_at_once) {
    return [this, answers_at_once](ServerExchange& exchange) -> Task<> {
      if (answers_at_once) co_await exchange.send_head(response_of(200), false);
      const Result<std::string> body = co_await read_all(exchange, loop_);
      if (!answers_at_once) co_await exchange.send_head(response_of(body ? 200 : 408), false);
      co_await exchange.send_body(body ? fmt::format("{}", body->size()) : body.error().message, true, loop_.in(10s));
    };
  }

  // What a server answers to bytes until it ends the connection.
  std::string ending_of(std::string bytes) {
    options_.head_timeout = 20ms;
    return loop_.run(raw(std::move(bytes)));
  }
};

TEST_F(H2Slow, AnUploadHasALeastRateWhateverItsLength) {
  options_.body_grace = 5ms;
  handler_ = count(false);
  http::Request upload = request_of("POST", "/");
  EXPECT_EQ(loop_.run(ask_in_halves(upload)), "408 the request's body comes too slowly");
  upload.content_length = 8;
  EXPECT_EQ(loop_.run(ask_in_halves(upload)), "408 the request's body comes too slowly");
  options_.min_body_rate = 0;
  EXPECT_EQ(loop_.run(ask_in_halves(upload)), "200 8");
}

TEST_F(H2Slow, AConversationMayRest) {
  options_.body_grace = 5ms;
  handler_ = count(false);
  http::Request call = request_of("POST", "/");
  call.fields.add("content-type", "application/grpc+proto");
  EXPECT_EQ(loop_.run(ask_in_halves(call)), "200 8");
  handler_ = count(true);
  EXPECT_EQ(loop_.run(ask_in_halves(request_of("POST", "/"))), "200 8");
}

TEST_F(H2Slow, ButNotWhereTheHandlerKnowsBetter) {
  options_.body_grace = 5ms;
  handler_ = [counting = count(false)](ServerExchange& exchange) -> Task<> {
    exchange.expect_upload();
    co_await counting(exchange);
  };
  http::Request call = request_of("POST", "/");
  call.fields.add("content-type", "application/grpc");
  EXPECT_EQ(loop_.run(ask_in_halves(call)), "408 the request's body comes too slowly");
}

TEST_F(H2Slow, AHeadThatIsNotWholeInTimeEndsTheConnection) {
  const std::string calm("\0\0\0\x0b", 4);  // ENHANCE_YOUR_CALM
  const std::string open = kBegin + frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, kBlock);
  handler_ = [this](ServerExchange& exchange) -> Task<> {
    net::Event over(loop_);
    exchange.on_gone([&] { over.set(); });
    co_await over.wait(net::Deadline::never());
  };
  for (const std::string& begun :
       {frame(h2::kHeaders, h2::kEndStream, 3, kBlock), frame(h2::kHeaders, h2::kEndHeaders, 3, kBlock).substr(0, 10),
        frame(h2::kPing, 0, 0, "12345678").substr(0, 1)}) {
    const std::string answer = ending_of(open + begun);
    EXPECT_NE(answer.find(calm), std::string::npos) << testing::PrintToString(answer);
  }
}

}  // namespace
}  // namespace bulkhead::proxy
