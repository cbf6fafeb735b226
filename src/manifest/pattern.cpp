#include "manifest/pattern.hpp"

#include <algorithm>

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kLongestPattern = 1024;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x21 || c == 0x7f; }

// The segment at the front of `path`, which begins with "/"; removes both.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Whether `%xy` at the front of `text` hides a byte that some program decodes into structure.
bool hides_structure(std::string_view text) {
  if (text.size() < 3) return true;
  int high = hex_digit(text[1]);
  int low = hex_digit(text[2]);
  if (high < 0 || low < 0) return true;
  int byte = high * 16 + low;
  return byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\' || byte == '.';
}

bool plain_bytes(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (is_control(c) || c == '\\' || c == ';' || c == '?' || c == '#') return false;
    if (c == '%' && hides_structure(path.substr(i))) return false;
  }
  return true;
}

bool plain_segments(std::string_view path) {
  while (!path.empty()) {
    std::string_view segment = take_segment(path);
    if (segment == "." || segment == ".." || (segment.empty() && !path.empty())) return false;
  }
  return true;
}

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= 32 &&
         std::ranges::all_of(text, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; });
}

bool is_grpc_name(std::string_view text, bool dots) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::ranges::all_of(text, [dots](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (dots && c == '.');
  });
}

Result<std::vector<std::string>> parse_methods(std::string_view text) {
  std::vector<std::string> methods;
  if (text == "*") return methods;
  while (true) {
    std::string_view method = text.substr(0, text.find('|'));
    if (!is_method(method)) {
      return fail(Cause::invalid, "'{}' is no method: methods are in capitals, several joined by '|', or '*' for any",
                  method);
    }
    if (std::ranges::find(methods, method) != methods.end()) {
      return fail(Cause::invalid, "the method {} stands there twice", method);
    }
    methods.emplace_back(method);
    if (method.size() == text.size()) return methods;
    text.remove_prefix(method.size() + 1);
  }
}

Result<Permission> parse_http(std::string_view text) {
  Permission permission{.protocol = Protocol::http, .text = std::string(text)};
  std::string_view path = text;
  if (!text.starts_with('/')) {
    std::size_t space = text.find(' ');
    if (space == std::string_view::npos) {
      return fail(Cause::invalid, "a permission is a method and a path, such as 'GET /items/*', or a path alone");
    }
    auto methods = parse_methods(text.substr(0, space));
    if (!methods) return fail(methods.error());
    permission.methods = std::move(*methods);
    path = text.substr(std::min(text.find_first_not_of(' ', space), text.size()));
  }
  auto pattern = PathPattern::parse(path);
  if (!pattern) return fail(pattern.error());
  permission.path = std::move(*pattern);
  return permission;
}

Result<Permission> parse_grpc(std::string_view text) {
  std::size_t slash = text.find('/');
  bool has_slash = slash != std::string_view::npos;
  std::string_view service = text.substr(0, slash);
  std::string_view method = has_slash ? text.substr(slash + 1) : std::string_view();
  if (!has_slash || !is_grpc_name(service, true) || (method != "*" && !is_grpc_name(method, false))) {
    return fail(Cause::invalid, "a permission on a gRPC port is 'package.Service/Method' or 'package.Service/*'");
  }
  auto pattern = PathPattern::parse("/" + std::string(text));
  if (!pattern) return fail(pattern.error());
  return Permission{.protocol = Protocol::grpc, .path = std::move(*pattern), .text = std::string(text)};
}

}  // namespace

bool is_plain_path(std::string_view path) noexcept {
  return path.starts_with('/') && plain_bytes(path) && plain_segments(path);
}

Result<PathPattern> PathPattern::parse(std::string_view text) {
  if (!text.starts_with('/')) return fail(Cause::invalid, "a path begins with '/'");
  if (text.size() > kLongestPattern) return fail(Cause::invalid, "a path has at most {} bytes", kLongestPattern);
  if (text.find('?') != std::string_view::npos) {
    return fail(Cause::invalid, "a path is matched without its query: leave out '?' and what follows");
  }
  if (!is_plain_path(text)) {
    return fail(Cause::invalid,
                "a path has no empty or dot segment, no space, backslash, ';' or '#', and encodes no slash or dot");
  }
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view segment = take_segment(rest);
    if (segment.find('*') != std::string_view::npos && segment != "*") {
      return fail(Cause::invalid, "'*' stands for a whole segment, never for a part of one");
    }
  }
  PathPattern pattern;
  pattern.text_ = text;
  return pattern;
}

bool PathPattern::matches(std::string_view path) const noexcept { return is_plain_path(path) && matches_plain(path); }

bool PathPattern::matches_plain(std::string_view path) const noexcept {
  std::string_view pattern = text_;
  while (!pattern.empty() && !path.empty()) {
    if (pattern == "/*") return true;
    std::string_view wanted = take_segment(pattern);
    std::string_view given = take_segment(path);
    if (wanted == "*" ? given.empty() : wanted != given) return false;
  }
  return pattern.empty() && path.empty();
}

bool PathPattern::has_inner_wildcard() const { return text_.find('*') < text_.size() - 1; }

bool Permission::covers(std::string_view method, std::string_view request_path) const noexcept {
  bool method_covered = methods.empty() || std::ranges::find(methods, method) != methods.end();
  return method_covered && path.matches(request_path);
}

Result<Permission> parse_permission(std::string_view text, Protocol protocol) {
  switch (protocol) {
    case Protocol::http: return parse_http(text);
    case Protocol::grpc: return parse_grpc(text);
    case Protocol::tcp: break;
  }
  return fail(Cause::invalid, "a TCP port has no permissions: its bytes are not read");
}

}  // namespace bulkhead::manifest
