#pragma once

// A contract after reading: operations with their parameters, bodies and responses. Immutable. Of this folder; others
// use contract.hpp.

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "contracts/media.hpp"
#include "contracts/paths.hpp"
#include "contracts/problem.hpp"
#include "contracts/program.hpp"

namespace bulkhead::contracts {

// How a parameter's text becomes a value.
struct Parameter {
  enum class Kind : std::uint8_t { scalar, list, object, json };
  enum class Style : std::uint8_t { separated, repeated, spaces, pipes, deep };

  Where where = Where::query;
  std::string name;  // of headers in lower case
  std::string pointer;
  bool required = false;
  bool allow_empty = false;
  bool explode = false;
  Kind kind = Kind::scalar;
  Style style = Style::separated;
  Index shape = kNone;
};

struct BodyRules {
  bool declared = false;
  bool required = false;
  bool unchecked = false;  // x-unchecked-body
  std::vector<MediaType> media;
  std::string pointer;
};

struct ResponseRules {
  int lowest = 0;  // of the statuses; 0 to 999 for `default`
  int highest = 0;
  std::vector<MediaType> media;
  std::string pointer;
};

// A value of the request that conditions may name.
struct ResourceRules {
  std::string name;
  Where where = Where::path;
  std::string from;  // the parameter's name, or the JSON pointer into the body
};

struct Operation {
  std::string method;
  std::string path;                    // the template, with `{}`
  std::string id;                      // operationId, or "GET /items/{id}"
  std::string pointer;                 // "#/paths/~1items~1{id}/get"
  std::vector<std::string> templates;  // names in the order of the path
  std::vector<Parameter> parameters;
  std::set<std::string, std::less<>> key_names;  // of the query, where a security scheme has its key there
  BodyRules body;
  std::vector<ResponseRules> responses;  // exact ones, then ranges, then default
  std::vector<ResourceRules> resources;
  // A sensitive value of path or query that was not encoded ends at a '?' or '&': what follows it looks like a name.
  bool hides_query_names = false;
};

struct PathItem {
  std::string path;
  std::vector<Index> operations;
};

struct Model {
  std::string title;
  std::string version;             // of the API
  std::vector<std::string> bases;  // of the servers' URLs, without '/' at the end; one at least, perhaps ""
  std::vector<Operation> operations;
  std::vector<PathItem> items;
  Paths paths;
  std::shared_ptr<const Program> program;
  std::vector<std::string> notes;
  std::set<std::string, std::less<>> sensitive;  // names of members and parameters
};

// The types that a value may have by what the schema and those that it refers to say: bits of Type.
std::uint8_t types_of(const Program& program, Index shape, int depth = 0);
// The schema of an array's items, or of an object's member; kNone where none is declared.
Index items_of(const Program& program, Index shape, int depth = 0);
Index member_of(const Program& program, Index shape, std::string_view name, int depth = 0);

}  // namespace bulkhead::contracts
