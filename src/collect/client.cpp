#include "collect/client.hpp"

#include <array>

#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/json.hpp"
#include "http/h1_decoder.hpp"
#include "net/address.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr timeval kAnswerPatience{10, 0};
constexpr std::size_t kMostAnswer = 256U << 20U;

Result<Fd> connect_to(const std::string& socket) {
  const auto address = net::Address::unix_socket(socket);
  if (!address) return fail(address.error());
  Fd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection) return os_fail("socket");
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    ::setsockopt(connection.get(), SOL_SOCKET, option, &kAnswerPatience, sizeof kAnswerPatience);
  if (::connect(connection.get(), address->data(), address->size()) == 0) return connection;
  Fault fault = os_fault("connect to the collector at " + socket);
  fault.cause = errno == EACCES || errno == EPERM ? Cause::denied : Cause::unreachable;
  return fail(std::move(fault));
}

// One whole answer: its status and body.
Result<std::pair<int, std::string>> read_answer(int connection, std::string_view method) {
  http::H1Decoder decoder(http::H1Decoder::Role::response);
  decoder.expect_response_to(method, false);
  std::string input, body;
  int status = 0;
  for (;;) {
    const http::H1Step step = decoder.decode(input);
    if (step.kind == http::H1Step::Kind::head) status = decoder.response().status;
    body.append(step.body);
    const bool end = step.kind == http::H1Step::Kind::end;
    if (step.kind == http::H1Step::Kind::refused)
      return fail(Cause::protocol, "the collector's answer: {}", decoder.refusal().reason);
    input.erase(0, step.consumed);
    if (end) return std::pair(status, std::move(body));
    if (body.size() > kMostAnswer)
      return fail(Cause::exhausted, "the collector's answer is longer than {} MiB", kMostAnswer >> 20U);
    if (step.kind != http::H1Step::Kind::need_more) continue;
    std::array<char, 65536> block{};
    const ssize_t got = ::recv(connection, block.data(), block.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_fail("the collector does not answer");
    if (got == 0) return fail(Cause::closed, "the collector ended in the middle of its answer");
    input.append(block.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string encode_query(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

Result<json> ask_collector(const std::string& socket, const std::string& method, const std::string& target) {
  const auto connection = connect_to(socket);
  if (!connection) return fail(connection.error());
  const std::string request = fmt::format(
      "{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", method, target);
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t count = ::send(connection->get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os_fail("ask the collector");
    sent += static_cast<std::size_t>(count);
  }
  const auto answer = read_answer(connection->get(), method);
  if (!answer) return fail(answer.error());
  auto value = read_json(answer->second);
  if (!value) return fail(within("the collector's answer", std::move(value.error())));
  if (answer->first == 200) return std::move(*value);
  const Cause cause = answer->first == 404 ? Cause::not_found : answer->first == 400 ? Cause::invalid : Cause::internal;
  return fail(cause, "{}", value->value("detail", fmt::format("the collector answered {}", answer->first)));
}

}  // namespace bulkhead::collect
