#include "proxy/grpc_contracted_exchange.hpp"

#include <utility>

#include <fmt/ranges.h>

namespace bulkhead::proxy {

namespace {

using contracts::ProtobufContract;
using http::GrpcStatus;

constexpr std::string_view kAcceptEncoding = "grpc-accept-encoding";

// application/grpc and application/grpc+proto, with or without parameters.
bool carries_protobuf(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return http::equal_ignoring_case(type, "application/grpc") ||
         http::equal_ignoring_case(type, "application/grpc+proto");
}

manifest::AnswerMode answer_mode_of(const ServiceContract& terms) {
  const bool filters = terms.response == manifest::AnswerMode::filter;
  return terms.audited && filters ? manifest::AnswerMode::report : terms.response;
}

std::uint16_t http_status_of(GrpcStatus status) {
  switch (status) {
    case GrpcStatus::unimplemented: return 404;
    case GrpcStatus::resource_exhausted: return 413;
    case GrpcStatus::unavailable: return 503;
    case GrpcStatus::internal: return 502;
    default: return facts(RefusalCause::contract).status;
  }
}

std::string message_finding(const contracts::MessageReport& report, bool filters) {
  std::string text;
  if (report.dropped_count > 0) {
    text = fmt::format("{}: {}", filters ? "taken out" : "not declared", fmt::join(report.dropped, ", "));
    if (report.dropped_count > report.dropped.size())
      text += fmt::format(" and {} more", report.dropped_count - report.dropped.size());
  }
  if (!report.failure) return text;
  if (!text.empty()) text += "; ";
  return text + to_string(*report.failure);
}

}  // namespace

GrpcContractedExchange::GrpcContractedExchange(ServerExchange& down, ContractDesk& desk, Journal& journal, Visit& visit)
    : down_(down),
      desk_(desk),
      contract_(desk.grpc()),
      mode_(answer_mode_of(desk.terms())),
      most_(desk.terms().most_body),
      held_(desk),
      journal_(journal),
      visit_(visit),
      incoming_(most_),
      outgoing_(most_) {}

std::optional<GrpcContractedExchange::Broken> GrpcContractedExchange::admit() {
  const http::Request& request = down_.request();
  if (!visit_.grpc() || request.method != "POST" || !carries_protobuf(request.fields.only("content-type").value_or("")))
    return Broken{GrpcStatus::invalid_argument,
                  "calls are POST requests of application/grpc or application/grpc+proto"};
  method_ = contract_->method(request.target);
  if (method_ == nullptr)
    return Broken{GrpcStatus::unimplemented,
                  contract_->has_service_of(request.target) ? "there is no such method" : "there is no such service"};
  return std::nullopt;
}

net::Task<std::optional<GrpcContractedExchange::Broken>> GrpcContractedExchange::check_request(bool audited,
                                                                                               net::Deadline deadline) {
  audited_ = audited;
  auto broken = admit();
  // What is packed can't be filtered.
  if (mode_ != Mode::off) down_.request().fields.remove(kAcceptEncoding);
  if (broken) co_return judge(std::move(broken));
  if (ProtobufContract::client_streams(*method_)) {
    requests_ = Requests::streaming;
    co_return std::nullopt;
  }
  requests_ = Requests::held;
  broken = co_await gather(deadline);
  if (broken && broken->gone) co_return broken;
  co_return judge(std::move(broken));
}

// One message, and the end. What was read stays in body_, also where something is wrong with it.
net::Task<std::optional<GrpcContractedExchange::Broken>> GrpcContractedExchange::gather(net::Deadline deadline) {
  constexpr std::size_t kPrefix = GrpcMessages::kPrefix;
  while (!ended_) {
    const auto part = co_await down_.read_body(deadline);
    if (!part) co_return Broken{.gone = true};
    ended_ = part->end;
    if (!held_.hold(part->data.size())) co_return Broken{GrpcStatus::unavailable, "too much is held to be checked"};
    body_.append(part->data);
    if (body_.size() < kPrefix) continue;
    if (auto broken = fault_of(GrpcMessages::begin(body_, most_))) co_return broken;
    if (body_.size() > GrpcMessages::framed_size(body_)) co_return Broken{.detail = "there is more than one message"};
  }
  if (body_.empty()) co_return Broken{.detail = "there is no message"};
  if (body_.size() < kPrefix || body_.size() < GrpcMessages::framed_size(body_))
    co_return Broken{.detail = "the request ends within a message"};
  co_return check_message(std::string_view(body_).substr(kPrefix));
}

std::optional<GrpcContractedExchange::Broken> GrpcContractedExchange::fault_of(GrpcMessages::Next next) const {
  switch (next) {
    case GrpcMessages::Next::more:
    case GrpcMessages::Next::message: return std::nullopt;
    case GrpcMessages::Next::compressed:
      return Broken{GrpcStatus::unimplemented, "messages that are checked are not compressed"};
    case GrpcMessages::Next::malformed: return Broken{.detail = "a message begins with a flag that gRPC does not know"};
    case GrpcMessages::Next::too_large:
      return Broken{GrpcStatus::resource_exhausted, fmt::format("a message is larger than {} bytes", most_)};
  }
  return std::nullopt;
}

std::optional<GrpcContractedExchange::Broken> GrpcContractedExchange::check_message(std::string_view message) {
  const auto failure = contract_->check_request(*method_, message, desk_.message_checker());
  if (!failure) return std::nullopt;
  return Broken{.detail = to_string(*failure)};
}

// What is beyond a limit is refused in any mode: it can't be held.
std::optional<GrpcContractedExchange::Broken> GrpcContractedExchange::judge(std::optional<Broken> broken) {
  if (!broken) return std::nullopt;
  const bool passes =
      audited_ && broken->status != GrpcStatus::resource_exhausted && broken->status != GrpcStatus::unavailable;
  Refusal refusal;
  refusal.cause = RefusalCause::contract;
  refusal.caller = visit_.caller;
  refusal.callee = visit_.callee;
  refusal.method = visit_.method;
  refusal.path = visit_.path;
  refusal.reason = fmt::format("the contract: {}", broken->detail);
  refusal.rule = fmt::format("{}.contract", visit_.callee);
  refusal.rule_at = desk_.terms().file;
  journal_.denied(visit_, refusal, passes ? "audited" : "denied");
  if (passes) return std::nullopt;
  return broken;
}

net::Task<> GrpcContractedExchange::refuse(const Broken& broken) {
  broken_ = broken;
  static_cast<void>(co_await tell());
  conclude();
}

net::Task<Result<BodyPart>> GrpcContractedExchange::read_body(net::Deadline deadline) {
  if (requests_ == Requests::streaming) co_return co_await read_message(deadline);
  if (requests_ == Requests::held && !std::exchange(given_, true)) co_return BodyPart{body_, ended_};
  if (requests_ == Requests::held && ended_) co_return BodyPart{{}, true};
  co_return co_await down_.read_body(deadline);
}

net::Task<Result<BodyPart>> GrpcContractedExchange::read_message(net::Deadline deadline) {
  while (true) {
    const auto next = rest_.empty() ? GrpcMessages::Next::more : incoming_.take(rest_);
    const bool whole = next == GrpcMessages::Next::message;
    const bool end = ended_ && rest_.empty();
    auto broken = whole ? check_message(incoming_.message()) : fault_of(next);
    if (!held_.reach(incoming_.held() + outgoing_.held()))
      broken = Broken{GrpcStatus::unavailable, "too much is held to be checked"};
    if (!broken && end && !whole && !incoming_.pending().empty())
      broken = Broken{.detail = "the request ends within a message"};
    if (broken) {
      broken_ = judge(std::move(broken));
      if (broken_) co_return fail(Cause::protocol, "a message is not as the contract says");
      if (!whole) co_return give_up_checking();
    }
    if (whole) co_return BodyPart{incoming_.framed(), end};
    if (end) co_return BodyPart{{}, true};
    if (!rest_.empty()) continue;
    const auto part = co_await down_.read_body(deadline);
    if (!part) co_return part;
    rest_ = part->data;
    ended_ = part->end;
  }
}

// Where the messages are can't be told any more; what is audited passes all the same.
BodyPart GrpcContractedExchange::give_up_checking() {
  requests_ = Requests::passing;
  kept_back_ = incoming_.pending();
  kept_back_ += std::exchange(rest_, {});
  return {kept_back_, ended_};
}

void GrpcContractedExchange::report(std::string_view what) {
  journal_.undeclared_answer(visit_, ProtobufContract::name(*method_), what);
}

net::Task<Result<>> GrpcContractedExchange::send_head(http::Response response, bool end) {
  if (broken_) co_return co_await tell();
  head_sent_ = true;
  if (method_ == nullptr || mode_ == Mode::off || end) co_return co_await down_.send_head(std::move(response), end);
  if (response.status != 200 || !carries_protobuf(response.fields.find("content-type").value_or(""))) {
    report("it answers with something else than messages of gRPC");
    co_return co_await down_.send_head(std::move(response), end);
  }
  answers_ = Answers::checking;
  if (mode_ == Mode::filter) response.content_length.reset();
  co_return co_await down_.send_head(std::move(response), end);
}

net::Task<Result<>> GrpcContractedExchange::send_body(std::string_view data, bool end, net::Deadline deadline) {
  if (broken_) co_return co_await tell();
  if (answers_ == Answers::passing) co_return co_await down_.send_body(data, end, deadline);
  co_return co_await check_answer(data, end, deadline);
}

// Filtered, what is whole of it leaves; else all of it does.
net::Task<Result<>> GrpcContractedExchange::check_answer(std::string_view data, bool end, net::Deadline deadline) {
  leaving_.clear();
  std::string_view rest = data;
  bool stopped = false;
  while (!rest.empty() && !stopped && answers_ == Answers::checking) {
    switch (outgoing_.take(rest)) {
      case GrpcMessages::Next::more: break;
      case GrpcMessages::Next::message: stopped = check_answered(outgoing_.framed(), outgoing_.message()); break;
      case GrpcMessages::Next::compressed: stopped = stops("a message is compressed", GrpcStatus::internal); break;
      case GrpcMessages::Next::malformed: stopped = stops("it is no message of gRPC", GrpcStatus::internal); break;
      case GrpcMessages::Next::too_large:
        stopped = stops("a message is larger than what is checked", GrpcStatus::resource_exhausted);
        break;
    }
  }
  if (!stopped && !held_.reach(incoming_.held() + outgoing_.held()))
    stopped = stops("too much is held to be checked", GrpcStatus::unavailable);
  if (!stopped && end && answers_ == Answers::checking && !outgoing_.pending().empty())
    stopped = stops("it ends within a message", GrpcStatus::internal);
  if (mode_ == Mode::report) co_return co_await down_.send_body(data, end, deadline);
  if (!leaving_.empty() || (end && !stopped)) {
    auto sent = co_await down_.send_body(leaving_, end && !stopped, deadline);
    if (!sent) co_return sent;
  }
  if (stopped) co_return co_await tell();
  co_return Result<>();
}

// Whether the answer ends here.
bool GrpcContractedExchange::check_answered(std::string_view framed, std::string_view message) {
  if (++answered_ > 1 && !ProtobufContract::server_streams(*method_))
    return stops("there is more than one message", GrpcStatus::internal);
  const bool filters = mode_ == Mode::filter;
  const auto checked =
      contract_->check_response(*method_, message, desk_.message_checker(), filters ? &filtered_ : nullptr);
  if (!checked.readable) return stops(message_finding(checked, filters), GrpcStatus::internal);
  if (checked.failure || checked.dropped_count > 0) report(message_finding(checked, filters));
  if (!filters) return false;
  if (checked.dropped_count == 0) {
    leaving_.append(framed);
    return false;
  }
  leaving_ += '\0';
  for (unsigned shift = 32; shift > 0; shift -= 8) leaving_ += static_cast<char>(filtered_.size() >> (shift - 8));
  leaving_ += filtered_;
  return false;
}

bool GrpcContractedExchange::stops(std::string_view what, GrpcStatus status) {
  report(what);
  answers_ = Answers::passing;
  if (mode_ != Mode::filter) return false;
  broken_ = Broken{status, "the service's answer can not be held against it"};
  return true;
}

net::Task<Result<>> GrpcContractedExchange::send_trailers(http::Fields trailers) {
  if (broken_) co_return co_await tell();
  if (answers_ == Answers::checking && !outgoing_.pending().empty() &&
      stops("it ends within a message", GrpcStatus::internal))
    co_return co_await tell();
  co_return co_await down_.send_trailers(std::move(trailers));
}

// Once; whatever else is said of this call goes nowhere. The callee is not named: the client may be a stranger.
net::Task<Result<>> GrpcContractedExchange::tell() {
  if (std::exchange(told_, true)) co_return fail(Cause::closed, "the answer has ended");
  if (!visit_.grpc()) {
    http::Response plain;
    plain.status = 415;
    plain.fields.add("content-type", "text/plain");
    plain.content_length = broken_->detail.size();
    plain.body = true;
    if (auto sent = co_await down_.send_head(std::move(plain), false); !sent) co_return sent;
    co_return co_await down_.send_body(broken_->detail, true, net::Deadline::never());
  }
  const std::string text = fmt::format("the contract: {}", broken_->detail);
  if (head_sent_) {
    http::Fields trailers;
    http::add_grpc_status(trailers, broken_->status, text);
    co_return co_await down_.send_trailers(std::move(trailers));
  }
  http::Response head = http::grpc_error(broken_->status, text);
  if (broken_->status == GrpcStatus::unimplemented) head.fields.add(kAcceptEncoding, "identity");
  co_return co_await down_.send_head(std::move(head), true);
}

void GrpcContractedExchange::reset(ResetReason reason) {
  if (!told_) down_.reset(reason);
}

void GrpcContractedExchange::conclude() {
  if (!broken_) return;
  visit_.status = visit_.grpc() ? http_status_of(broken_->status) : 415;
  if (visit_.grpc()) visit_.grpc_status = static_cast<int>(broken_->status);
  visit_.cause = facts(RefusalCause::contract).name;
  visit_.detail = fmt::format("the contract: {}", broken_->detail);
  visit_.broke_off = false;
}

}  // namespace bulkhead::proxy
