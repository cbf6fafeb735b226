#pragma once

// Which path of the contract a request is for. A literal segment wins over a template; what neither settles is refused
// when the contract is read.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bulkhead::contracts {

struct Segment {
  bool is_template = false;
  std::string text;  // the literal, or the template's name
};

// "/items/{id}/price": every template is a whole segment.
Result<std::vector<Segment>> parse_path_template(std::string_view text);

// The memory of a match; reused.
struct PathMatch {
  std::vector<std::string> values;  // of the templates, decoded, in order
  std::vector<std::string> segments;
  std::vector<std::size_t> templates;  // their places
};

class Paths {
 public:
  // Gives `index` to requests for this template. Refuses one that competes with an earlier one.
  Result<> add(std::string_view path_template, std::uint32_t index);

  // The index for a path (segments percent-encoded, no query). Nothing where no path fits or an escape is broken.
  std::optional<std::uint32_t> match(std::string_view path, PathMatch& into) const;

 private:
  struct Branch {
    std::string text;
    std::uint32_t node = 0;
  };
  struct Node {
    std::vector<Branch> literals;  // sorted
    std::uint32_t any = 0;         // 0: no template here
    std::optional<std::uint32_t> index;
  };
  struct Known {
    std::string text;
    std::vector<Segment> segments;
  };
  bool descend(std::uint32_t node, std::size_t depth, PathMatch& into, std::uint32_t& index) const;

  std::vector<Node> nodes_{1};
  std::vector<Known> known_;
};

}  // namespace bulkhead::contracts
