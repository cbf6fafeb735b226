// Certificates that live ten seconds are replaced again and again under load. 25 s; BULKHEAD_ROTATION_SECONDS for
// longer.

#include <cstdlib>

#include <gtest/gtest.h>

#include "proxy/mesh_harness.hpp"

namespace bulkhead::proxy::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kLife = 10s;

std::chrono::seconds rotation_time() {
  const char* given = std::getenv("BULKHEAD_ROTATION_SECONDS");  // NOLINT(concurrency-mt-unsafe)
  return std::chrono::seconds(given == nullptr ? 25 : std::atoi(given));
}

// Echoes: a WebSocket, a stream of gRPC, or one request.
net::Task<> echo(ServerExchange& exchange) {
  const http::Request& request = exchange.request();
  const bool is_stream = request.fields.find("content-type") == "application/grpc";
  if (request.protocol != "websocket" && !is_stream) co_return co_await reply_text(exchange, 200, request.target);
  http::Response head;
  head.status = is_stream ? 200 : 101;
  head.body = is_stream;
  if (is_stream) head.fields.add("content-type", "application/grpc");
  const auto sent = co_await exchange.send_head(std::move(head), false);
  if (!sent) co_return;
  while (true) {
    const auto part = co_await exchange.read_body(net::Deadline::never());
    if (!part) co_return;
    const bool ends = part->end && !is_stream;
    const auto echoed = co_await exchange.send_body(part->data, ends, net::Deadline::never());
    if (!echoed || ends) co_return;
    if (part->end) break;
  }
  http::Fields trailers{{"grpc-status", "0"}};
  static_cast<void>(co_await exchange.send_trailers(std::move(trailers)));
}

net::Task<> echo_bytes(net::Stream stream) {
  std::array<char, 4096> buffer{};
  while (true) {
    const auto read = co_await stream.read(buffer, net::Deadline::never());
    if (!read || *read == 0) co_return;
    const auto written = co_await stream.write({buffer.data(), *read}, net::Deadline::never());
    if (!written) co_return;
  }
}

class MeshRotation : public MeshFixture {
 protected:
  MeshRotation() { controller_->set_life(kLife); }

  net::Deadline soon() const { return loop_.in(20s); }
  bool goes_on() const { return loop_.now() < end_; }

  net::Task<> begin(Protocol protocol) {
    co_await start(checkout_, payments_, declare(checkout_, payments_, protocol));
    end_ = loop_.now() + rotation_time();
  }

  // One request after the other: kept alive, or each on a connection of its own.
  net::Task<> ask(UpstreamProtocol protocol, bool is_kept) {
    auto client = std::make_unique<Client>(loop_, checkout_.door(), protocol);
    while (goes_on()) {
      if (!is_kept) client = std::make_unique<Client>(loop_, checkout_.door(), protocol);
      const auto reply = co_await client->get("/greet");
      EXPECT_TRUE(reply.has_value() && reply->status == 200) << (reply ? reply->body : reply.error().message);
      ++requests_;
      if (!reply) co_return;
    }
  }

  // Each message waits for its echo; the end comes from this side, and the other one follows.
  net::Task<> talk(http::Request request, UpstreamProtocol protocol, std::uint16_t accepted) {
    Client client(loop_, checkout_.door(), protocol);
    auto exchange = co_await client.open();
    EXPECT_TRUE(exchange.has_value());
    if (!exchange) co_return;
    EXPECT_TRUE((co_await (*exchange)->send_head(request, false, soon())).has_value());
    const auto head = co_await (*exchange)->read_head(soon());
    EXPECT_TRUE(head && head->status == accepted);
    while (goes_on()) {
      const auto sent = co_await (*exchange)->send_body("message", false, soon());
      EXPECT_TRUE(sent.has_value());
      if (!sent) co_return;
      const auto part = co_await (*exchange)->read_body(soon());
      EXPECT_TRUE(part && part->data == "message" && !part->end) << (part ? "it ended" : part.error().message);
      if (!part || part->end) co_return;
      ++echoes_;
    }
    EXPECT_TRUE((co_await (*exchange)->send_body("", true, soon())).has_value());
    const auto last = co_await (*exchange)->read_body(soon());
    EXPECT_TRUE(last && last->end);
  }

  net::Task<> talk_tcp(bool is_kept) {
    auto stream = co_await net::connect(loop_, checkout_.door(), soon());
    while (stream && goes_on()) {
      const auto written = co_await stream->write("message", soon());
      std::array<char, 64> buffer{};
      std::string echoed;
      while (written && echoed.size() < 7) {
        const auto read = co_await stream->read(buffer, soon());
        if (!read || *read == 0) break;
        echoed.append(buffer.data(), *read);
      }
      EXPECT_EQ(echoed, "message");
      if (echoed != "message") co_return;
      ++echoes_;
      if (!is_kept) stream = co_await net::connect(loop_, checkout_.door(), soon());
    }
    EXPECT_TRUE(stream.has_value());
  }

  Node& checkout_ = node("checkout", "checkout-1");
  Node& payments_ = node("payments", "payments-1");
  net::SteadyTime end_;
  std::size_t requests_ = 0;
  std::size_t echoes_ = 0;
};

TEST_F(MeshRotation, NoRequestFailsAndStreamsEndByThemselves) {
  service(payments_, 8080, echo);
  loop_.run([&]() -> net::Task<> {
    co_await begin(Protocol::http);
    http::Request socket = request_of("GET", "/feed");
    socket.protocol = "websocket";
    http::Request stream = request_of("POST", "/shop.Payments/Watch");
    stream.version = http::Version::http2;
    stream.fields.add("content-type", "application/grpc");
    stream.fields.add("te", "trailers");
    stream.body = true;
    net::Gate gate(loop_);
    for (int i = 0; i < 4; ++i) {
      gate.spawn(ask(i % 2 == 0 ? UpstreamProtocol::http1 : UpstreamProtocol::http2, i < 2));
      gate.spawn(talk(socket, UpstreamProtocol::http1, 101));
      gate.spawn(talk(stream, UpstreamProtocol::http2, 200));
    }
    co_await gate.close();
  }());
  EXPECT_GE(controller_->signed_count(), 2U * static_cast<std::size_t>(rotation_time() / kLife));
  RecordProperty("requests", std::to_string(requests_));
  RecordProperty("echoes", std::to_string(echoes_));
}

TEST_F(MeshRotation, RawConnectionsStayAndNewOnesAreMade) {
  raw_service(payments_, 8080, echo_bytes);
  loop_.run([&]() -> net::Task<> {
    co_await begin(Protocol::tcp);
    net::Gate gate(loop_);
    for (int i = 0; i < 4; ++i) gate.spawn(talk_tcp(i < 2));
    co_await gate.close();
  }());
  EXPECT_GE(controller_->signed_count(), 2U * static_cast<std::size_t>(rotation_time() / kLife));
}

}  // namespace
}  // namespace bulkhead::proxy::testing
