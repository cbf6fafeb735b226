// collector: what the collector answers, for those who can not reach its socket, which is the launcher's.
//
//   collector {method?, target} → {"ok", "status", "answer"}: a JSON answer of docs/api.md
//
// Questions take the role viewer, as does a login to the console; a token for it, which outlives a role, takes admin.

#include "control/controller.hpp"
#include "control/reply.hpp"
#include "policy/model.hpp"
#include "proxy/h1_client.hpp"
#include "proxy/whole_answer.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto kPatience = 15s;
constexpr std::size_t kMostAnswer = net::kMaxFrame / 2;  // of which text_of() makes more, where it has quotes

net::Task<Result<std::pair<int, std::string>>> ask(net::Loop& loop, const std::string& socket, http::Request request) {
  const net::Deadline deadline = loop.in(kPatience);
  const auto address = net::Address::unix_socket(socket);
  if (!address) co_return fail(address.error());
  auto stream = co_await net::connect(loop, *address, deadline);
  if (!stream) co_return fail(within("the collector is not there right now", std::move(stream.error())));
  auto connection = std::make_unique<proxy::H1ClientConnection>(std::move(*stream), http::FieldLimits{});
  const auto give_back = [](proxy::H1ClientExchange*, std::unique_ptr<proxy::H1ClientConnection>) {};
  proxy::H1ClientExchange exchange(std::move(connection), kPatience, give_back);
  if (auto sent = co_await exchange.send_head(request, true, deadline); !sent) co_return fail(std::move(sent.error()));
  const auto head = co_await proxy::read_final_head(exchange, deadline);
  if (!head) co_return fail(head.error());
  auto body = co_await proxy::read_whole_body(exchange, *head, kMostAnswer, deadline);
  if (!body && body.error().cause == Cause::exhausted)
    co_return fail(Cause::exhausted, "the answer has more than {} MiB: ask for less", kMostAnswer >> 20U);
  if (!body) co_return fail(std::move(body.error()));
  co_return std::pair<int, std::string>(head->status, std::move(*body));
}

// What stands in a request's first line goes no further than that.
bool is_target(std::string_view text) {
  return text.starts_with("/api/v1/") && text.size() <= 8192 &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

net::Task<json> Controller::serve_collector(const Peer& who, const json& asked) {
  http::Request request;
  request.method = asked.value("method", "GET");
  request.target = asked.value("target", "");
  request.authority = "localhost";
  const bool login = request.method == "POST" && request.target == "/api/v1/login";
  const bool token = request.method == "POST" && request.target.starts_with("/api/v1/token?");
  if (!is_target(request.target) || request.target.starts_with("/api/v1/events"))
    co_return failure("what the collector is asked is a path of docs/api.md below /api/v1/, and no stream of events");
  if (request.method != "GET" && !login && !token)
    co_return failure(fmt::format("the collector is not asked by {}", request.method.substr(0, 16)));
  if (token && who.role < Role::admin)
    co_return failure(fmt::format("a token for the console takes the role admin, and {} has the role {}", name_of(who),
                                  to_string(who.role)));
  const auto answer = co_await ask(loop_, launcher_.places.collector_socket(), std::move(request));
  if (!answer) co_return failure(answer.error().message);
  auto value = policy::read_json(answer->second);
  if (!value) co_return failure(within("the collector's answer", std::move(value.error())).message);
  co_return json{{"ok", true}, {"status", answer->first}, {"answer", std::move(*value)}};
}

}  // namespace bulkhead::control
