#pragma once

// The memory of a check, and the reading of parameters. Of this folder; others use contract.hpp.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/contract.hpp"
#include "contracts/model.hpp"

namespace bulkhead::contracts {

// Part of a query, "name=value", or of a Cookie field.
struct Pair {
  std::string name;        // decoded
  std::string_view value;  // as sent
  bool has_value = false;
  bool taken = false;
};

struct Checker::Memory {
  Evaluator evaluator;
  Json body;
  Json parameter;
  std::string text;     // of a parameter, as JSON
  std::string decoded;  // part of one
  std::string attribute;
  PathMatch path;
  std::string media;  // of the body
  std::string charset;
  std::vector<Pair> query;
  std::vector<Pair> cookies;
  std::vector<std::uint8_t> kept;  // by the filter
};

// Checks the parameters of one request. For one call.
class ParameterCheck {
 public:
  ParameterCheck(const Model& model, const Operation& operation, const Request& request, Checker::Memory& memory)
      : model_(model), operation_(operation), request_(request), memory_(memory) {}

  // Nothing where all are right. Path values are in the memory already.
  std::optional<Problem> run(std::string_view query);

 private:
  std::optional<Problem> read_query(std::string_view query);
  std::optional<Problem> read_cookies();
  std::optional<Problem> check(const Parameter& parameter);
  std::optional<Problem> check_pairs(const Parameter& parameter, std::vector<Pair>& pairs);
  std::optional<Problem> check_deep(const Parameter& parameter);
  std::optional<Problem> check_header(const Parameter& parameter);
  std::optional<Problem> check_text(const Parameter& parameter, std::string_view text, bool is_encoded);
  std::optional<Problem> check_value(const Parameter& parameter);
  std::optional<Problem> undeclared_query() const;

  // These write the value as JSON; false where an escape is broken or a list of names and values is uneven.
  bool write_value(const Parameter& parameter, std::string_view text, bool is_encoded);
  bool write_list(const Parameter& parameter, std::string_view text, bool is_encoded);
  bool write_object(const Parameter& parameter, std::string_view text, bool is_encoded);
  bool write_scalar(Index shape, std::string_view text, bool is_encoded);
  bool decode(std::string_view text, bool is_encoded);

  Problem problem(const Parameter& parameter, std::string_view what) const;

  const Model& model_;
  const Operation& operation_;
  const Request& request_;
  Checker::Memory& memory_;
};

// The value of the header field of that lower-case name; several are joined by commas into `joined`. Nothing without
// one.
std::optional<std::string_view> header_value(const Request& request, std::string_view name, std::string& joined);

}  // namespace bulkhead::contracts
