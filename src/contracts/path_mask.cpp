#include "contracts/path_mask.hpp"

#include <algorithm>
#include <cstdint>

#include "contracts/uri.hpp"

namespace bulkhead::contracts {

namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    if (end == path.size()) return segments;
    path.remove_prefix(end + 1);
  }
}

// Such a segment is part of another path to a program that resolves it. The last one may be empty.
bool is_ambiguous(std::span<const std::string> decoded) {
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    const std::string& segment = decoded[i];
    if (segment == "." || segment == ".." || segment.find_first_of("/\\") != std::string::npos) return true;
    if (segment.empty() && i + 1 < decoded.size()) return true;
  }
  return false;
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find_first_of("?#")); }

}  // namespace

PathMask::PathMask(std::span<const std::string> templates) {
  for (const std::string& text : templates) {
    std::vector<Segment> segments;
    std::size_t last = 0;  // behind the last hidden one
    for (const std::string_view each : segments_of(text)) {
      Segment& segment = segments.emplace_back();
      if (each == kHiddenSegment) {
        segment.kind = Segment::Kind::hidden;
        last = segments.size();
      } else if (each == kShownSegment) {
        segment.kind = Segment::Kind::shown;
      } else if (!decode_percent(each, false, segment.text)) {
        segment.text = each;
      }
    }
    segments.resize(last);
    if (last != 0) known_.push_back(std::move(segments));
  }
}

std::optional<std::string> PathMask::hide(std::string_view target, std::string_view seen) const {
  if (known_.empty()) return std::nullopt;
  const std::vector<std::string_view> asked = segments_of(path_of(seen));
  std::vector<std::string> decoded(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (!decode_percent(asked[i], false, decoded[i])) decoded[i] = asked[i];
  // What stands behind a "#" is of nobody's query.
  const bool has_query = target.find_first_of("?#") == target.find('?');
  const std::string_view query = has_query ? target.substr(path_of(target).size()) : std::string_view();
  if (is_ambiguous(decoded)) return std::string(kHiddenPath).append(query);
  std::vector<bool> hidden(asked.size(), false);
  bool any = false;
  for (const auto& segments : known_) {
    if (segments.size() > asked.size()) continue;
    bool fits = true;
    for (std::size_t i = 0; fits && i < segments.size(); ++i)
      fits = segments[i].kind != Segment::Kind::literal || segments[i].text == decoded[i];
    if (!fits) continue;
    any = true;
    for (std::size_t i = 0; i < segments.size(); ++i)
      if (segments[i].kind == Segment::Kind::hidden) hidden[i] = true;
  }
  if (!any) return std::nullopt;

  // A rewritten beginning has other segments, the end is the same.
  const std::vector<std::string_view> written = segments_of(path_of(target));
  std::string shown;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const std::size_t from_end = written.size() - i;
    const bool hide = from_end <= asked.size() && hidden[asked.size() - from_end];
    shown.append("/").append(hide ? "*" : written[i]);
  }
  return shown.append(query);
}

std::string with_path_hidden(std::string text, std::string_view path, std::string_view shown) {
  if (path.empty()) return text;
  for (std::size_t at = text.find(path); at != std::string::npos; at = text.find(path, at + shown.size()))
    text.replace(at, path.size(), shown);
  return text;
}

}  // namespace bulkhead::contracts
