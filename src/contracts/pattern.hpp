#pragma once

// Regular expressions of ECMA-262 (with its `u` flag), as JSON Schema has them, run by RE2 in linear time.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace bulkhead::contracts {

// What RE2 lacks (lookaround, backreferences, most names of properties, more than 1000 repetitions) is refused.
class Pattern {
 public:
  static Result<Pattern> compile(std::string_view expression);
  // One that is RE2's already, as Protocol Buffers' rules have it.
  static Result<Pattern> compile_re2(std::string_view expression);

  // Whether it is found anywhere in the text, which is UTF-8. From any thread.
  bool is_found_in(std::string_view text) const;
  // As it runs: RE2's spelling.
  const std::string& expression() const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> program) : program_(std::move(program)) {}
  std::shared_ptr<const re2::RE2> program_;
};

// The same expression in RE2's syntax.
Result<std::string> to_re2(std::string_view expression);

}  // namespace bulkhead::contracts
