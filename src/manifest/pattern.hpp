#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "manifest/position.hpp"
#include "manifest/protocol.hpp"

namespace bulkhead::manifest {

// A pattern over the path of a request, without its query.
//   /items          that path alone
//   /items/*        every path that begins with "/items/" (so /items/, /items/1 and /items/1/2, but not /items)
//   /items/*/price  one non-empty segment in the place of `*`
//   /*              every path
// Segments are compared byte by byte, as they were sent: nothing is decoded, nothing is normalised.
class PathPattern {
 public:
  PathPattern() = default;  // "/*"
  static Result<PathPattern> parse(std::string_view text);

  // Whether the raw bytes of `path` (no query) match. A path that is not plain (see is_plain_path) matches nothing.
  // Allocates nothing.
  bool matches(std::string_view path) const noexcept;
  // The same for a path that is known to be plain; any other may match by accident.
  bool matches_plain(std::string_view path) const noexcept;

  const std::string& text() const { return text_; }
  bool matches_everything() const { return text_ == "/*"; }
  bool is_prefix() const { return text_.ends_with("/*"); }
  // What precedes the first `*`: "/items/" of "/items/*"; the whole text where there is none.
  std::string_view literal_prefix() const { return std::string_view(text_).substr(0, text_.find('*')); }
  bool has_inner_wildcard() const;
  bool operator==(const PathPattern&) const = default;

 private:
  std::string text_ = "/*";
};

// Whether a path means the same to every program that reads it: it begins with "/", and has no empty or dot segment (an
// empty last one is fine), no control byte, backslash, `;`, `?` or `#`, and no percent-encoded slash, backslash, dot or
// NUL.
bool is_plain_path(std::string_view path) noexcept;

// One line of a call's permissions. HTTP: "GET /items/*", "GET|POST /items", "* /items", "/items". gRPC:
// "package.Service/Method", "package.Service/*".
struct Permission {
  Protocol protocol = Protocol::http;  // http or grpc
  std::vector<std::string> methods;    // http: upper case, none means any method
  PathPattern path;                    // grpc: "/package.Service/Method" or "/package.Service/*"
  std::string text;                    // as written
  Position position;
  bool operator==(const Permission&) const = default;

  // Whether a request is covered. For gRPC, `path` is the request's path and the method is POST. Allocates nothing.
  bool covers(std::string_view method, std::string_view request_path) const noexcept;
};

// Reads one permission for a port that speaks `protocol`; Cause::invalid says what is allowed. TCP has no permissions.
Result<Permission> parse_permission(std::string_view text, Protocol protocol);

}  // namespace bulkhead::manifest
