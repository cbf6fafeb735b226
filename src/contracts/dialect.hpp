#pragma once

// The keywords of each dialect of JSON Schema that is read here, and what stands under them.

#include <cstdint>
#include <functional>
#include <string_view>

#include "contracts/document.hpp"

namespace bulkhead::contracts {

enum class Dialect : std::uint8_t {
  draft4,
  draft2020,
  openapi30,  // draft 4 less some, with nullable
  openapi31,  // draft 2020-12 with what OpenAPI adds
};

enum class Keyword : std::uint8_t {
  annotation,  // means nothing for validity
  unenforced,  // means something that nothing here enforces; noted
  type,
  enumeration,
  constant,
  nullable,
  multiple_of,
  maximum,
  exclusive_maximum,
  minimum,
  exclusive_minimum,
  max_length,
  min_length,
  pattern,
  format,
  items,
  prefix_items,
  additional_items,
  contains,
  min_contains,
  max_contains,
  max_items,
  min_items,
  unique_items,
  properties,
  pattern_properties,
  additional_properties,
  property_names,
  required,
  max_properties,
  min_properties,
  dependencies,
  dependent_required,
  dependent_schemas,
  all_of,
  any_of,
  one_of,
  negated,
  condition,
  then,
  otherwise,
  reference,
  dynamic_reference,
  unevaluated_items,
  unevaluated_properties,
  read_only,
  write_only,
  schema_uri,
};

enum class Holds : std::uint8_t { value, schema, list, map, schema_or_list, dependencies };

// OpenAPI's own way to extend it: what has this goes into no record.
inline constexpr std::string_view kSensitive = "x-sensitive";

struct KeywordFacts {
  std::string_view name;
  Keyword keyword;
  Holds holds;
  std::uint8_t dialects;  // bits by Dialect
};

// Null where the dialect has no such keyword.
const KeywordFacts* keyword(Dialect dialect, std::string_view name);

inline bool is_2020(Dialect dialect) { return dialect == Dialect::draft2020 || dialect == Dialect::openapi31; }
inline bool is_openapi(Dialect dialect) { return dialect == Dialect::openapi30 || dialect == Dialect::openapi31; }

// Whether $ref stands alone: what is beside it is ignored.
inline bool reference_rules_alone(Dialect dialect) { return !is_2020(dialect); }

// Calls for every schema directly within the schema `node`.
void for_each_subschema(Dialect dialect, const Node& node, const std::function<void(const Node&)>& call);

}  // namespace bulkhead::contracts
