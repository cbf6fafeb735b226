#pragma once

// For tests: our pool against our servers over socket pairs, all on one loop.

#include <array>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "net/gate.hpp"
#include "proxy/pool.hpp"
#include "proxy/server.hpp"

namespace bulkhead::proxy {

using namespace std::chrono_literals;
using net::Task;

inline std::pair<net::Stream, net::Stream> stream_pair(net::Loop& loop) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) std::abort();
  Result<net::Stream> left = net::Stream::adopt(loop, Fd(fds[0]));
  Result<net::Stream> right = net::Stream::adopt(loop, Fd(fds[1]));
  return {std::move(*left), std::move(*right)};
}

inline http::Request request_of(std::string method, std::string target) {
  http::Request request;
  request.method = std::move(method);
  request.scheme = "http";
  request.authority = "shop";
  request.target = std::move(target);
  return request;
}

inline http::Response response_of(std::uint16_t status) {
  http::Response response;
  response.status = status;
  return response;
}

Task<Result<std::string>> read_all(auto& exchange, net::Loop& loop) {
  std::string body;
  while (true) {
    const Result<BodyPart> part = co_await exchange.read_body(loop.in(10s));
    if (!part) co_return fail(part.error());
    body.append(part->data);
    if (part->end) co_return body;
  }
}

// Both ends on one loop: a server with a handler, and a pool whose connector makes socket pairs to it.
class Connections : public ::testing::TestWithParam<UpstreamProtocol> {
 protected:
  ~Connections() override {
    // What the handlers and clients left is ended before the loop is.
    loop_.run(end());
  }

  Task<> end() {
    co_await pool_.close();
    shutdown_.set();
    co_await servers_.close();
  }

  Task<> serve_with(net::Stream server, const Handler& handler) {
    co_await serve(std::move(server), handler, options_, shutdown_);
  }
  Task<> serve_one(net::Stream server) { return serve_with(std::move(server), handler_); }

  Task<Result<net::Stream>> connect() {
    auto [client, server] = stream_pair(loop_);
    ++connected_;
    servers_.spawn(serve_one(std::move(server)));
    co_return std::move(client);
  }

  Task<Result<std::unique_ptr<ClientExchange>>> acquire(UpstreamProtocol protocol, std::uint64_t generation = 0) {
    const PoolTarget target{"shop", protocol, generation};
    auto exchange = co_await pool_.acquire(target, connector_, loop_.in(10s));
    co_return exchange;
  }

  // One whole request; its answer as text.
  Task<std::string> ask(http::Request request, std::string body = {}) {
    auto exchange = co_await acquire(GetParam());
    if (!exchange) co_return exchange.error().message;
    std::string told = co_await ask_on(**exchange, std::move(request), std::move(body));
    co_return told;
  }

  Task<std::string> ask_on(ClientExchange& exchange, http::Request request, std::string body) {
    request.body = !body.empty();
    const bool no_body = body.empty();
    const Result<> sent = co_await exchange.send_head(request, no_body, loop_.in(10s));
    if (!sent) co_return sent.error().message;
    if (!no_body) {
      const Result<> body_sent = co_await exchange.send_body(body, true, loop_.in(10s));
      if (!body_sent) co_return body_sent.error().message;
    }
    std::string told;
    while (true) {
      const Result<http::Response> head = co_await exchange.read_head(loop_.in(10s));
      if (!head) co_return head.error().message;
      told += fmt::format("{}", head->status);
      for (const http::Field field : head->fields) told += fmt::format("|{}={}", field.name, field.value);
      told += ' ';
      if (!head->interim()) break;
    }
    const Result<std::string> answer = co_await read_all(exchange, loop_);
    told += answer ? *answer : answer.error().message;
    for (const http::Field field : exchange.trailers()) told += fmt::format("|{}={}", field.name, field.value);
    co_return told;
  }

  // Sends raw bytes to a server and gives all that it answers until it closes.
  Task<std::string> raw(std::string bytes) {
    auto [client, server] = stream_pair(loop_);
    servers_.spawn(serve_one(std::move(server)));
    const Result<> written = co_await client.write(bytes, loop_.in(10s));
    std::string answer;
    std::array<char, 4096> buffer{};
    while (written) {
      const Result<std::size_t> size = co_await client.read(buffer, loop_.in(10s));
      if (!size || *size == 0) break;
      answer.append(buffer.data(), *size);
    }
    co_return answer;
  }

  net::Loop loop_;
  ServerOptions options_;
  net::Event shutdown_{loop_};
  net::Gate servers_{loop_};
  Handler handler_ = [](ServerExchange&) -> Task<> { co_return; };
  Connector connector_ = [this](net::Deadline) { return connect(); };
  Pool pool_{loop_, {}};
  int connected_ = 0;
};

// A tunnel that answers each piece with its capitals, and ends when the client does.
inline Handler shout(net::Loop& loop) {
  return [&loop](ServerExchange& exchange) -> Task<> {
    if (exchange.request().protocol != "websocket") {
      co_await exchange.send_head(response_of(426), true);
      co_return;
    }
    EXPECT_EQ(exchange.request().method, "GET");
    EXPECT_FALSE(exchange.request().fields.has("sec-websocket-key"));
    http::Response response = response_of(101);
    response.fields.add("sec-websocket-protocol", "chat");
    co_await exchange.send_head(std::move(response), false);
    while (true) {
      const Result<BodyPart> part = co_await exchange.read_body(loop.in(10s));
      if (!part) co_return;
      std::string capitals(part->data);
      for (char& c : capitals) c = static_cast<char>(std::toupper(c));
      const Result<> sent = co_await exchange.send_body(capitals, part->end, loop.in(10s));
      if (!sent || part->end) co_return;
    }
  };
}

}  // namespace bulkhead::proxy
