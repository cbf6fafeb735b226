// What a service answers, held against its contract.

#include <algorithm>

#include "contracts/checker.hpp"
#include "contracts/filter.hpp"
#include "contracts/sensitive.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::size_t kMostPointers = 32;

}  // namespace

ResponsePlan Contract::plan_response(const Operation& operation, int status, std::string_view content_type,
                                     bool has_body) const {
  ResponsePlan plan{.operation = &operation};
  const auto found = std::ranges::find_if(
      operation.responses, [&](const ResponseRules& each) { return each.lowest <= status && status <= each.highest; });
  if (found == operation.responses.end()) {
    plan.finding = fmt::format("{} answers {}, which its contract does not declare", operation.id, status);
    return plan;
  }
  plan.rules = &*found;
  if (!has_body) return plan;
  std::string type;
  std::string charset;
  plan.media = media_type(content_type, type, charset) ? select_media(found->media, type) : nullptr;
  if (!plan.media) {
    plan.finding =
        fmt::format("{} answers {} with a content type that its contract does not declare", operation.id, status);
    return plan;
  }
  if (is_json_type(type) && plan.media->shape != kNone) {
    plan.plan = BodyPlan::buffer;
    plan.limit = limits_.body;
  }
  return plan;
}

ResponseReport Contract::check_response(const ResponsePlan& plan, std::string_view body, Checker& checker,
                                        std::string* filtered) const {
  auto& memory = *checker.memory_;
  ResponseReport report;
  if (const auto mistake = memory.body.read(body)) {
    report.failure = Failure{"", plan.rules->pointer, "", std::string(mistake->what)};
    return report;
  }
  Filter filter(*model_->program, memory.body, memory.evaluator, memory.kept);
  if (!filter.run(plan.media->shape)) {
    report.failure = Failure{"", plan.rules->pointer, "", "is too costly to check"};
    return report;
  }
  report.readable = true;
  const auto dropped = filter.dropped();
  report.dropped_count = dropped.size();
  for (std::size_t i = 0; i < std::min(dropped.size(), kMostPointers); ++i) {
    std::string place = undeclared_place(*model_, plan.media->shape, memory.body, dropped[i]);
    if (report.dropped.empty() || report.dropped.back() != place) report.dropped.push_back(std::move(place));
  }
  if (filtered) {
    filtered->clear();
    filter.write(*filtered);
  }
  report.failure = check_discreetly(*model_, memory.evaluator, plan.media->shape, memory.body, Direction::response);
  return report;
}

}  // namespace bulkhead::contracts
