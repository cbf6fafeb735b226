#pragma once

// A service's contract: an OpenAPI document (3.0 or 3.1), read once and held against every request and response. What
// it says and nothing here enforces is refused when it is read, or listed in notes().
//
// A proxy asks in two steps: admit() when the head is there, check_body() when the body is. Reading costs allocations;
// checking reuses the memory of a Checker.

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contracts/evaluator.hpp"
#include "contracts/problem.hpp"

namespace bulkhead::contracts {

struct Model;
struct Operation;
struct MediaType;
struct ResponseRules;

struct Limits {
  std::uint64_t body = 1U << 20U;  // bytes; a larger one is refused unless its owner says x-unchecked-body
};

struct Header {
  std::string_view name;  // in any case
  std::string_view value;
};

// Views are borrowed for the call.
struct Request {
  std::string_view method;
  std::string_view target;  // path and query as sent
  std::span<const Header> headers;
  bool has_body = false;
  std::optional<std::uint64_t> body_size;  // where the head states it
};

// What becomes of a body.
enum class BodyPlan : std::uint8_t {
  none,    // there is none, or none that is looked at: pass it on
  size,    // pass it on as it comes, refuse it beyond the limit
  buffer,  // gather it whole, no more than the limit, then check it
};

struct Admission {
  const Operation* operation = nullptr;  // of the contract, as the next
  const MediaType* media = nullptr;
  BodyPlan plan = BodyPlan::none;
  std::uint64_t limit = 0;  // bytes
};

// A value that the contract points out, for conditions. The text is borrowed from the request or the Checker.
struct Attribute {
  Kind kind = Kind::string;  // no array or object
  bool truth = false;
  std::string_view text;  // of numbers as written
};

// What is to be done with a response's body.
struct ResponsePlan {
  const Operation* operation = nullptr;
  const ResponseRules* rules = nullptr;  // null where the status is not declared
  const MediaType* media = nullptr;
  BodyPlan plan = BodyPlan::none;
  std::uint64_t limit = 0;
  std::string finding;  // what is not declared, one sentence; "" where all is
};

struct ResponseReport {
  bool readable = false;             // false: no JSON, or too costly; `failure` says why, and nothing was filtered
  std::optional<Failure> failure;    // what does not fit the schema
  std::vector<std::string> dropped;  // pointers of members that are not declared, the first few
  std::size_t dropped_count = 0;
};

// The memory of checks. Of one thread; from admit() to the last question about one request it serves that one alone.
class Checker {
 public:
  Checker();
  ~Checker();
  Checker(Checker&&) noexcept;
  Checker& operator=(Checker&&) noexcept;

 private:
  friend class Contract;
  friend class ParameterCheck;
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

// Immutable; used from any thread, with a Checker for each.
class Contract {
 public:
  // `file` is named in faults, "openapi.yaml:12:5: ...".
  static Result<Contract> read(std::string_view text, std::string_view file, Limits limits = {});

  // Statuses: 404 no such path, 405 (with Allow) no such method, 415 media or content type, 413 size, 400 all else.
  std::expected<Admission, Problem> admit(const Request& request, Checker& checker) const;
  // 413 too large, 400 malformed JSON, 422 where the body is not as its schema says. For plans that buffer.
  std::optional<Problem> check_body(const Admission& admission, std::string_view body, Checker& checker) const;
  // The Problem of a body that grows beyond the plan's limit.
  Problem too_large(const Admission& admission) const;

  // A value that `x-bulkhead-resource` of the operation names; nothing where the request does not have it. After
  // admit(), and for those in a body after check_body() found nothing.
  std::optional<Attribute> resource(const Admission& admission, const Request& request, std::string_view name,
                                    Checker& checker) const;
  // The names of an operation, in its order; borrowed of the contract.
  static std::vector<std::string_view> resources(const Operation& operation);
  // The names of all operations, each once.
  std::vector<std::string_view> resources() const;

  ResponsePlan plan_response(const Operation& operation, int status, std::string_view content_type,
                             bool has_body) const;
  // With `filtered`, the body without what is not declared is written into it.
  ResponseReport check_response(const ResponsePlan& plan, std::string_view body, Checker& checker,
                                std::string* filtered) const;

  // Whether a member or parameter of that name is x-sensitive anywhere in the contract: it goes into no log or span.
  bool is_sensitive(std::string_view name) const;
  // Of these the templates of paths that have such a parameter, as a PathMask takes them, each once.
  std::vector<std::string> hidden_paths() const;
  // What is said and not enforced, for `bulkhead check`.
  const std::vector<std::string>& notes() const;
  // "GET /items/{id}" or the operationId.
  static std::string_view name(const Operation& operation);

  const Model& model() const { return *model_; }

 private:
  std::expected<const Operation*, Problem> operation_of(std::uint32_t item, std::string_view method) const;
  std::expected<Admission, Problem> plan_body(const Operation& operation, const Request& request,
                                              Checker& checker) const;

  Contract(std::shared_ptr<const Model> model, Limits limits) : model_(std::move(model)), limits_(limits) {}
  std::shared_ptr<const Model> model_;
  Limits limits_;
};

}  // namespace bulkhead::contracts
