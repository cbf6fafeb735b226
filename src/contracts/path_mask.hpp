#pragma once

// What of a path may be written down: a contract's path parameters that are `x-sensitive` may not.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::contracts {

// A template that is whole segments, as masks are written: "/customers/{!}/orders/{}"; "{!}" may not be written down,
// "{}" may, and whatever follows the last "{!}" is left out, as a request that the contract does not describe has the
// value, too.
inline constexpr std::string_view kHiddenSegment = "{!}";
inline constexpr std::string_view kShownSegment = "{}";
// All that is shown of a path that two programs could read differently: which part has the value nobody can say.
inline constexpr std::string_view kHiddenPath = "/*";

// Immutable; any thread.
class PathMask {
 public:
  PathMask() = default;
  explicit PathMask(std::span<const std::string> templates);

  bool empty() const { return known_.empty(); }

  // `target` (a path, perhaps with a query) with "*" in place of every segment that a template hides; nothing where
  // none does. `seen` is the path as the callee is asked for it, where a gateway rewrote its beginning. Of a path with
  // an empty or a dot segment, or an encoded slash, nothing but the query stays.
  std::optional<std::string> hide(std::string_view target, std::string_view seen) const;
  std::optional<std::string> hide(std::string_view target) const { return hide(target, target); }

 private:
  struct Segment {
    enum class Kind : std::uint8_t { literal, shown, hidden };
    Kind kind = Kind::literal;
    std::string text;  // of a literal, decoded
  };
  std::vector<std::vector<Segment>> known_;
};

// `text` with every occurrence of `target`'s path replaced by `shown`'s.
std::string with_path_hidden(std::string text, std::string_view path, std::string_view shown);

}  // namespace bulkhead::contracts
