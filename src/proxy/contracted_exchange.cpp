#include "proxy/contracted_exchange.hpp"

#include <utility>

#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

namespace {

using contracts::BodyPlan;
using contracts::Problem;

std::vector<contracts::Header> headers_of_request(const http::Fields& fields) {
  std::vector<contracts::Header> headers;
  headers.reserve(fields.size());
  for (const http::Field field : fields) headers.push_back({field.name, field.value});
  return headers;
}

contracts::Request seen(const http::Request& request, std::span<const contracts::Header> headers) {
  return {.method = request.method,
          .target = request.target,
          .headers = headers,
          .has_body = request.body,
          .body_size = request.content_length};
}

// Discarded where no double holds it (1e400, which is a number to JSON).
nlohmann::json value_of(const contracts::Attribute& attribute) {
  switch (attribute.kind) {
    case contracts::Kind::null: return nullptr;
    case contracts::Kind::boolean: return attribute.truth;
    case contracts::Kind::number: return nlohmann::json::parse(attribute.text, nullptr, false);
    default: return attribute.text;
  }
}

// "body /price: is too small (#/components/...)": for the record, which has no values either.
std::string sentence_of(const Problem& problem) {
  std::string text = fmt::format("the contract: {}", problem.detail);
  if (!problem.rule.empty()) text += fmt::format(" ({})", problem.rule);
  return text;
}

// What is audited takes nothing away.
manifest::AnswerMode mode_of(const ServiceContract& terms) {
  const bool filters = terms.response == manifest::AnswerMode::filter;
  return terms.audited && filters ? manifest::AnswerMode::report : terms.response;
}

// "taken out: /cost; /price is below 1 (#/components/...)"
std::string finding_of(const contracts::ResponseReport& report, bool filters) {
  std::string text;
  if (report.dropped_count > 0) {
    text = fmt::format("{}: {}", filters ? "taken out" : "not declared", fmt::join(report.dropped, ", "));
    if (report.dropped_count > report.dropped.size())
      text += fmt::format(" and {} more", report.dropped_count - report.dropped.size());
  }
  if (!report.failure) return text;
  const contracts::Failure& failure = *report.failure;
  if (!text.empty()) text += "; ";
  text += failure.pointer.empty() ? failure.message : fmt::format("{} {}", failure.pointer, failure.message);
  if (!failure.rule.empty()) text += fmt::format(" ({})", failure.rule);
  return text;
}

}  // namespace

ContractedExchange::ContractedExchange(ServerExchange& down, ContractDesk& desk, Journal& journal, Visit& visit)
    : down_(down),
      desk_(desk),
      contract_(desk.contract()),
      mode_(mode_of(desk.terms())),
      lease_(desk),
      journal_(journal),
      visit_(visit) {}

std::optional<Problem> ContractedExchange::admit() {
  const auto headers = headers_of_request(down_.request().fields);
  const auto admission = contract_->admit(seen(down_.request(), headers), lease_.checker());
  if (!admission) return admission.error();
  admission_ = *admission;
  return std::nullopt;
}

net::Task<std::optional<ContractedExchange::Refused>> ContractedExchange::check_request(bool audited,
                                                                                        net::Deadline deadline) {
  if (auto refused = judge(admit(), audited)) co_return refused;
  // What can't be read can't be filtered.
  if (mode_ != Mode::off) down_.request().fields.remove("accept-encoding");
  if (admission_.plan != BodyPlan::buffer) {
    point_out();
    co_return std::nullopt;
  }
  if (auto refused = co_await gather(deadline)) {
    if (!refused->problem) co_return refused;
    co_return judge(std::move(refused->problem), audited && gathered_);
  }
  if (auto problem = contract_->check_body(admission_, body_, lease_.checker()))
    co_return judge(std::move(problem), audited);
  point_out();
  co_return std::nullopt;
}

void ContractedExchange::point_out() {
  if (admission_.operation == nullptr) return;
  const auto names = contracts::Contract::resources(*admission_.operation);
  if (names.empty()) return;
  const auto headers = headers_of_request(down_.request().fields);
  const contracts::Request request = seen(down_.request(), headers);
  nlohmann::json found = nlohmann::json::object();
  for (const std::string_view name : names) {
    const auto value = contract_->resource(admission_, request, name, lease_.checker());
    if (!value) continue;
    if (nlohmann::json read = value_of(*value); !read.is_discarded()) found[name] = std::move(read);
  }
  resource_.emplace(std::move(found));
}

// A body beyond the limit is refused in any mode: it can't be looked at.
net::Task<std::optional<ContractedExchange::Refused>> ContractedExchange::gather(net::Deadline deadline) {
  while (true) {
    const auto part = co_await down_.read_body(deadline);
    if (!part) co_return Refused{.gone = true};
    if (body_.size() + part->data.size() > admission_.limit)
      co_return Refused{.problem = contract_->too_large(admission_)};
    if (!lease_.hold(part->data.size())) co_return Refused{.overloaded = true};
    body_.append(part->data);
    if (part->end) break;
  }
  gathered_ = true;
  co_return std::nullopt;
}

std::optional<ContractedExchange::Refused> ContractedExchange::judge(std::optional<Problem> problem, bool audited) {
  if (!problem) return std::nullopt;
  Refusal refusal;
  refusal.cause = RefusalCause::contract;
  refusal.caller = visit_.caller;
  refusal.callee = visit_.callee;
  refusal.method = visit_.method;
  refusal.path = std::string_view(visit_.path).substr(0, visit_.path.find('?'));
  refusal.reason = sentence_of(*problem);
  refusal.rule = fmt::format("{}.contract{}", visit_.callee, problem->rule);
  refusal.rule_at = desk_.terms().file;
  journal_.denied(visit_, refusal, audited ? "audited" : "denied");
  if (audited) return std::nullopt;
  return Refused{.problem = std::move(problem)};
}

net::Task<> ContractedExchange::refuse(const Problem& problem) {
  visit_.status = problem.status;
  visit_.cause = facts(RefusalCause::contract).name;
  visit_.detail = sentence_of(problem);
  http::Response response;
  response.status = problem.status;
  response.fields.add("content-type", "application/problem+json");
  if (!problem.allow.empty()) response.fields.add("allow", problem.allow);
  const std::string text = to_json(problem);
  response.content_length = text.size();
  response.body = true;
  const auto sent = co_await down_.send_head(std::move(response), false);
  if (sent) static_cast<void>(co_await down_.send_body(text, true, net::Deadline::never()));
}

net::Task<Result<BodyPart>> ContractedExchange::read_body(net::Deadline deadline) {
  if (!gathered_) co_return co_await down_.read_body(deadline);
  if (std::exchange(given_, true)) co_return BodyPart{{}, true};
  co_return BodyPart{body_, true};
}

void ContractedExchange::report(std::string_view what) {
  const std::string_view operation =
      admission_.operation != nullptr ? contracts::Contract::name(*admission_.operation) : "an undeclared request";
  journal_.undeclared_answer(visit_, operation, what);
}

net::Task<Result<>> ContractedExchange::send_head(http::Response response, bool end) {
  const bool looked_at = mode_ != Mode::off && admission_.operation != nullptr && response.status != 101;
  if (!looked_at) co_return co_await down_.send_head(std::move(response), end);
  const auto type = response.fields.find("content-type").value_or("");
  plan_ = contract_->plan_response(*admission_.operation, response.status, type, !end && response.body);
  if (!plan_.finding.empty()) report(plan_.finding);
  if (end || plan_.plan != BodyPlan::buffer) co_return co_await down_.send_head(std::move(response), end);
  answer_ = Answer::gathering;
  head_ = std::move(response);
  co_return Result<>();
}

net::Task<Result<>> ContractedExchange::send_body(std::string_view data, bool end, net::Deadline deadline) {
  if (answer_ == Answer::replaced) co_return Result<>();
  if (answer_ == Answer::passing) co_return co_await down_.send_body(data, end, deadline);
  const bool fits = gathered_answer_.size() + data.size() <= plan_.limit && lease_.hold(data.size());
  if (!fits) {
    report("it is larger than what is checked");
    if (mode_ == Mode::filter) co_return co_await replace();
    answer_ = Answer::passing;
    if (auto sent = co_await down_.send_head(std::move(head_), false); !sent) co_return sent;
    if (auto sent = co_await down_.send_body(gathered_answer_, false, deadline); !sent) co_return sent;
    co_return co_await down_.send_body(data, end, deadline);
  }
  gathered_answer_.append(data);
  if (!end) co_return Result<>();
  co_return co_await release(true);
}

net::Task<Result<>> ContractedExchange::send_trailers(http::Fields trailers) {
  if (answer_ == Answer::replaced) co_return Result<>();
  if (answer_ == Answer::gathering) {
    if (auto sent = co_await release(false); !sent || answer_ == Answer::replaced) co_return sent;
  }
  co_return co_await down_.send_trailers(std::move(trailers));
}

net::Task<Result<>> ContractedExchange::release(bool end) {
  std::string filtered;
  const bool filters = mode_ == Mode::filter;
  const auto checked =
      contract_->check_response(plan_, gathered_answer_, lease_.checker(), filters ? &filtered : nullptr);
  if (!checked.readable && filters) {
    report(finding_of(checked, filters));
    co_return co_await replace();
  }
  if (checked.failure || checked.dropped_count > 0) report(finding_of(checked, filters));
  const std::string& body = filters && checked.readable ? filtered : gathered_answer_;
  if (head_.content_length) head_.content_length = body.size();
  answer_ = Answer::passing;
  if (auto sent = co_await down_.send_head(std::move(head_), false); !sent) co_return sent;
  auto sent = co_await down_.send_body(body, end, net::Deadline::never());
  co_return sent;
}

// What can't be filtered does not leave. What else the service says of this answer is dropped.
net::Task<Result<>> ContractedExchange::replace() {
  answer_ = Answer::replaced;
  gathered_answer_.clear();
  Problem problem;
  problem.status = 502;
  problem.where = contracts::Where::body;
  problem.detail = "the service's answer can not be held against its contract";
  co_await refuse(problem);
  co_return Result<>();
}

}  // namespace bulkhead::proxy
