#include "contracts/contract.hpp"

#include <algorithm>

#include "contracts/checker.hpp"
#include "contracts/path_mask.hpp"
#include "contracts/paths.hpp"
#include "contracts/reader.hpp"
#include "contracts/sensitive.hpp"

namespace bulkhead::contracts {

Checker::Checker() : memory_(std::make_unique<Memory>()) {}
Checker::~Checker() = default;
Checker::Checker(Checker&&) noexcept = default;
Checker& Checker::operator=(Checker&&) noexcept = default;

namespace {

// The part of a path behind one of the bases; nothing where none fits.
std::optional<std::string_view> behind_base(std::string_view path, std::string_view base) {
  if (!path.starts_with(base)) return std::nullopt;
  path.remove_prefix(base.size());
  return path.starts_with('/') ? std::optional(path) : std::nullopt;
}

Problem body_problem(std::uint16_t status, const BodyRules& body, std::string detail) {
  return {.status = status, .where = Where::body, .detail = std::move(detail), .rule = body.pointer};
}

bool is_plain_coding(std::string_view coding) { return coding.empty() || coding == "identity"; }

}  // namespace

Result<Contract> Contract::read(std::string_view text, std::string_view file, Limits limits) {
  const auto document = read_document(text, file);
  if (!document) return fail(document.error());
  auto model = Reader(*document, file).read();
  if (!model) return fail(model.error());
  return Contract(std::move(*model), limits);
}

std::expected<Admission, Problem> Contract::admit(const Request& request, Checker& checker) const {
  auto& memory = *checker.memory_;
  const std::size_t mark = std::min(request.target.find('?'), request.target.size());
  const std::string_view path = request.target.substr(0, mark);
  const std::string_view query = mark < request.target.size() ? request.target.substr(mark + 1) : std::string_view();
  std::optional<Index> item;
  for (const std::string& base : model_->bases) {
    const auto rest = behind_base(path, base);
    if (rest) item = model_->paths.match(*rest, memory.path);
    if (item) break;
  }
  if (!item) {
    return std::unexpected(Problem{.status = 404, .where = Where::path, .detail = "the contract has no such path"});
  }
  const auto operation = operation_of(*item, request.method);
  if (!operation) return std::unexpected(operation.error());
  if (auto wrong = ParameterCheck(*model_, **operation, request, memory).run(query)) {
    return std::unexpected(std::move(*wrong));
  }
  return plan_body(**operation, request, checker);
}

std::expected<const Operation*, Problem> Contract::operation_of(std::uint32_t item, std::string_view method) const {
  const auto& operations = model_->items[item].operations;
  for (const Index each : operations) {
    if (model_->operations[each].method == method) return &model_->operations[each];
  }
  Problem wrong{.status = 405, .where = Where::method, .detail = "the contract has no such method for this path"};
  for (const Index each : operations) {
    wrong.allow.append(wrong.allow.empty() ? "" : ", ").append(model_->operations[each].method);
  }
  return std::unexpected(std::move(wrong));
}

std::expected<Admission, Problem> Contract::plan_body(const Operation& operation, const Request& request,
                                                      Checker& checker) const {
  const BodyRules& body = operation.body;
  Admission admission{.operation = &operation};
  const auto wrong = [&](std::uint16_t status, std::string detail) {
    return std::unexpected(body_problem(status, body, std::move(detail)));
  };
  if (!request.has_body || request.body_size == 0) {
    if (body.required) return wrong(400, "the body is missing");
    return admission;
  }
  if (!body.declared) return wrong(400, "the operation has no body");
  std::string joined;
  auto& memory = *checker.memory_;
  const auto content_type = header_value(request, "content-type", joined);
  if (!content_type || !joined.empty()) return wrong(415, "the body has no content type, or more than one");
  const bool named = media_type(*content_type, memory.media, memory.charset);
  admission.media = named ? select_media(body.media, memory.media) : nullptr;
  if (!admission.media) return wrong(415, "the body's content type is not declared");
  if (body.unchecked) return admission;
  admission.limit = limits_.body;
  if (request.body_size && *request.body_size > admission.limit) return std::unexpected(too_large(admission));
  admission.plan = is_json_type(memory.media) ? BodyPlan::buffer : BodyPlan::size;
  if (admission.plan == BodyPlan::size) return admission;
  if (!memory.charset.empty() && memory.charset != "utf-8") return wrong(415, "JSON is sent in UTF-8");
  const auto coding = header_value(request, "content-encoding", joined);
  if (coding && !is_plain_coding(*coding)) return wrong(415, "a body that is checked is sent without content coding");
  return admission;
}

Problem Contract::too_large(const Admission& admission) const {
  return body_problem(413, admission.operation->body, fmt::format("the body is larger than {} bytes", admission.limit));
}

std::optional<Problem> Contract::check_body(const Admission& admission, std::string_view body, Checker& checker) const {
  auto& memory = *checker.memory_;
  if (body.size() > admission.limit) return too_large(admission);
  const BodyRules& rules = admission.operation->body;
  if (body.empty() && !rules.required) return std::nullopt;
  if (const auto mistake = memory.body.read(body)) {
    return body_problem(
        400, rules,
        fmt::format("the body is no JSON that is taken here: {} (byte {})", mistake->what, mistake->offset));
  }
  if (admission.media->shape == kNone) return std::nullopt;
  auto failure = check_discreetly(*model_, memory.evaluator, admission.media->shape, memory.body, Direction::request);
  if (!failure) return std::nullopt;
  Problem wrong = body_problem(422, rules, "");
  wrong.detail = fmt::format("{} {}", failure->pointer.empty() ? "the body" : failure->pointer, failure->message);
  wrong.pointer = std::move(failure->pointer);
  wrong.rule = std::move(failure->rule);
  return wrong;
}

bool Contract::is_sensitive(std::string_view name) const { return model_->sensitive.contains(name); }

std::vector<std::string> Contract::hidden_paths() const {
  std::set<std::string> found;
  for (const Operation& operation : model_->operations) {
    const auto segments = parse_path_template(operation.path);
    if (!segments) continue;  // read() has taken it
    std::string text;
    bool any = false;
    for (const Segment& segment : *segments) {
      const bool hidden = segment.is_template && is_sensitive(segment.text);
      any = any || hidden;
      text.append("/").append(hidden ? kHiddenSegment : segment.is_template ? kShownSegment : segment.text);
    }
    for (const std::string& base : model_->bases)
      if (any) found.insert(base + text);
  }
  return {found.begin(), found.end()};
}

const std::vector<std::string>& Contract::notes() const { return model_->notes; }
std::string_view Contract::name(const Operation& operation) { return operation.id; }

}  // namespace bulkhead::contracts
