#include "http/target.hpp"

#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

// Length of the dot at `at`, plain or encoded; 0 if there is none.
std::size_t dot_at(std::string_view path, std::size_t at) {
  if (at < path.size() && path[at] == '.') return 1;
  const bool encoded = path.size() >= at + 3 && path[at] == '%' && path[at + 1] == '2' && lower(path[at + 2]) == 'e';
  return encoded ? 3 : 0;
}

// Whether the segment that begins at `at` is "." or "..".
bool is_dot_segment(std::string_view path, std::size_t at) {
  std::size_t end = at;
  for (int dots = 0; dots < 2; ++dots) {
    const std::size_t dot = dot_at(path, end);
    if (dot == 0) break;
    end += dot;
  }
  return end > at && (end == path.size() || path[end] == '/');
}

Result<> check_escape(std::string_view path, std::size_t at) {
  if (path.size() < at + 3 || hex_value(path[at + 1]) < 0 || hex_value(path[at + 2]) < 0) {
    return fail(Cause::invalid, "the path has a '%' without two hexadecimal digits");
  }
  const int octet = hex_value(path[at + 1]) * 16 + hex_value(path[at + 2]);
  if (octet == '/' || octet == '\\') return fail(Cause::invalid, "the path has an encoded slash or backslash");
  if (octet < 0x20 || octet == 0x7f) return fail(Cause::invalid, "the path has an encoded control byte");
  return {};
}

Result<> check_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return fail(Cause::invalid, "the path does not begin with '/'");
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c <= 0x20 || c >= 0x7f) return fail(Cause::invalid, "the path has a byte outside printable ASCII");
    if (c == ';' || c == '#' || c == '\\') return fail(Cause::invalid, "the path has a '{}'", c);
    if (c == '/' && i + 1 < path.size() && path[i + 1] == '/')
      return fail(Cause::invalid, "the path has an empty segment");
    if (c == '/' && is_dot_segment(path, i + 1)) return fail(Cause::invalid, "the path has a dot segment");
    if (c != '%') continue;
    const Result<> escape = check_escape(path, i);
    if (!escape) return escape;
  }
  return {};
}

}  // namespace

Target split_target(std::string_view target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {target, {}};
  return {target.substr(0, mark), target.substr(mark + 1)};
}

Result<Target> check_target(std::string_view target) {
  const Target split = split_target(target);
  const Result<> path = check_path(split.path);
  if (!path) return fail(path.error());
  for (const char c : split.query) {
    if (c <= 0x20 || c >= 0x7f || c == '#')
      return fail(Cause::invalid, "the query has a '#' or a byte outside printable ASCII");
  }
  return split;
}

}  // namespace bulkhead::http
