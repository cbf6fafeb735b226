#include "contracts/uri.hpp"

#include <algorithm>
#include <vector>

#include "base/ascii.hpp"

namespace bulkhead::contracts {

namespace {

struct Parts {
  std::string_view scheme;     // with its colon
  std::string_view authority;  // with its slashes
  std::string_view path;
  std::string_view query;     // with its question mark
  std::string_view fragment;  // with its '#'
};

Parts split(std::string_view uri) {
  Parts parts;
  const auto cut = [&](std::string_view& into, std::size_t size) {
    into = uri.substr(0, size);
    uri.remove_prefix(into.size());
  };
  const std::size_t colon = uri.find_first_of(":/?#");
  if (colon != std::string_view::npos && uri[colon] == ':') cut(parts.scheme, colon + 1);
  if (uri.starts_with("//")) cut(parts.authority, uri.find_first_of("/?#", 2));
  cut(parts.path, uri.find_first_of("?#"));
  if (uri.starts_with('?')) cut(parts.query, uri.find('#'));
  parts.fragment = uri;
  return parts;
}

// Without segments of one or two dots (RFC 3986 §5.2.4).
std::string remove_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  const bool rooted = path.starts_with('/');
  if (rooted) path.remove_prefix(1);
  bool ends_open = false;
  for (;;) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    ends_open = segment == "." || segment == "..";
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!ends_open) kept.push_back(segment);
    if (end == path.size()) break;
    path.remove_prefix(end + 1);
  }
  std::string joined;
  for (const std::string_view segment : kept) {
    if (rooted || &segment != kept.data()) joined.push_back('/');
    joined += segment;
  }
  if (ends_open) joined.push_back('/');
  return joined;
}

std::string merged_path(const Parts& base, std::string_view path) {
  if (path.starts_with('/')) return remove_dots(path);
  if (!base.authority.empty() && base.path.empty()) return remove_dots("/" + std::string(path));
  return remove_dots(std::string(base.path.substr(0, base.path.rfind('/') + 1)).append(path));
}

}  // namespace

std::string resolve_uri(std::string_view base_text, std::string_view reference_text) {
  const Parts base = split(base_text);
  const Parts reference = split(reference_text);
  const auto join = [&](std::string_view scheme, std::string_view authority, std::string_view path,
                        std::string_view query) {
    return std::string(scheme).append(authority).append(path).append(query).append(reference.fragment);
  };
  if (!reference.scheme.empty()) return std::string(reference_text);
  if (!reference.authority.empty()) {
    return join(base.scheme, reference.authority, remove_dots(reference.path), reference.query);
  }
  if (reference.path.empty()) {
    return join(base.scheme, base.authority, base.path, reference.query.empty() ? base.query : reference.query);
  }
  return join(base.scheme, base.authority, merged_path(base, reference.path), reference.query);
}

std::string_view without_fragment(std::string_view uri) { return uri.substr(0, uri.find('#')); }

std::string_view fragment_of(std::string_view uri) {
  const std::size_t mark = uri.find('#');
  return mark == std::string_view::npos ? std::string_view() : uri.substr(mark + 1);
}

bool decode_percent(std::string_view text, bool plus_is_space, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (text[i] == '%') {
      if (text.size() - i < 3) return false;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    if (c == '\0') return false;
    out.push_back(c);
  }
  return true;
}

}  // namespace bulkhead::contracts
