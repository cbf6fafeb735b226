#include "contracts/paths.hpp"

#include <algorithm>
#include <set>

#include "contracts/uri.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::size_t kMostSegments = 64;

// Both can match one path, and neither is at least as literal as the other in every segment.
bool compete(const std::vector<Segment>& a, const std::vector<Segment>& b) {
  if (a.size() != b.size()) return false;
  bool a_wins = false;
  bool b_wins = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i].is_template && !b[i].is_template && a[i].text != b[i].text) return false;
    a_wins = a_wins || (!a[i].is_template && b[i].is_template);
    b_wins = b_wins || (a[i].is_template && !b[i].is_template);
  }
  return a_wins == b_wins;
}

}  // namespace

Result<std::vector<Segment>> parse_path_template(std::string_view text) {
  if (!text.starts_with('/')) return fail(Cause::invalid, "the path '{}' does not begin with '/'", text);
  std::vector<Segment> segments;
  std::set<std::string_view> names;
  for (std::string_view rest = text.substr(1);;) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, end);
    const bool whole = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
    const std::string_view name = whole ? segment.substr(1, segment.size() - 2) : segment;
    if (name.find_first_of("{}") != std::string_view::npos) {
      return fail(Cause::unsupported, "not supported: in the path '{}', a template that is not a whole segment", text);
    }
    if (name.find_first_of("?#") != std::string_view::npos) {
      return fail(Cause::invalid, "the path '{}' holds a query or fragment", text);
    }
    if (whole && !names.insert(name).second) return fail(Cause::invalid, "the path '{}' has '{}' twice", text, name);
    segments.push_back({whole, std::string(name)});
    if (!whole && !decode_percent(segment, false, segments.back().text)) {
      return fail(Cause::invalid, "the path '{}' has a broken escape", text);
    }
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  if (segments.size() > kMostSegments) return fail(Cause::unsupported, "the path '{}' has too many segments", text);
  return segments;
}

Result<> Paths::add(std::string_view path_template, std::uint32_t index) {
  auto segments = parse_path_template(path_template);
  if (!segments) return fail(segments.error());
  for (const Known& known : known_) {
    if (compete(known.segments, *segments)) {
      return fail(Cause::conflict, "the paths '{}' and '{}' can match the same request", known.text, path_template);
    }
  }
  std::uint32_t at = 0;
  for (const Segment& segment : *segments) {
    const auto fresh = static_cast<std::uint32_t>(nodes_.size());
    std::uint32_t next = fresh;
    if (segment.is_template) {
      next = nodes_[at].any == 0 ? fresh : nodes_[at].any;
      nodes_[at].any = next;
    } else {
      auto& literals = nodes_[at].literals;
      const auto place = std::ranges::lower_bound(literals, segment.text, {}, &Branch::text);
      if (place != literals.end() && place->text == segment.text) {
        next = place->node;
      } else {
        literals.insert(place, {segment.text, fresh});
      }
    }
    if (next == fresh) nodes_.emplace_back();
    at = next;
  }
  nodes_[at].index = index;
  known_.push_back({std::string(path_template), std::move(*segments)});
  return {};
}

bool Paths::descend(std::uint32_t node, std::size_t depth, PathMatch& into, std::uint32_t& index) const {
  const Node& here = nodes_[node];
  if (depth == into.segments.size()) {
    if (!here.index) return false;
    index = *here.index;
    return true;
  }
  const std::string& segment = into.segments[depth];
  const auto literal = std::ranges::lower_bound(here.literals, segment, {}, &Branch::text);
  const bool fits = literal != here.literals.end() && literal->text == segment;
  if (fits && descend(literal->node, depth + 1, into, index)) return true;
  if (here.any == 0 || segment.empty()) return false;
  into.templates.push_back(depth);
  if (descend(here.any, depth + 1, into, index)) return true;
  into.templates.pop_back();
  return false;
}

std::optional<std::uint32_t> Paths::match(std::string_view path, PathMatch& into) const {
  into.values.clear();
  into.segments.clear();
  into.templates.clear();
  if (!path.starts_with('/')) return std::nullopt;
  for (std::string_view rest = path.substr(1);;) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    std::string& decoded = into.segments.emplace_back();
    if (!decode_percent(rest.substr(0, end), false, decoded)) return std::nullopt;
    if (decoded.find('/') != std::string::npos || into.segments.size() > kMostSegments) return std::nullopt;
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  std::uint32_t index = 0;
  if (!descend(0, 0, into, index)) return std::nullopt;
  for (const std::size_t each : into.templates) into.values.push_back(std::move(into.segments[each]));
  return index;
}

}  // namespace bulkhead::contracts
