#include "policy/lines.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/ascii.hpp"

namespace bulkhead::policy {

namespace {

constexpr std::string_view kPlain = " /._-~%+=@";

bool consists_of(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) { return is_letter(c) || is_digit(c) || others.contains(c); });
}

std::string in_brackets(std::string_view text) {
  if (consists_of(text, kPlain)) return std::string(text);
  return fmt::format("\"{}\"", between_quotes(text));
}

// What a condition asks so that it holds for this request alone; "" where a text would have to be escaped.
std::string same_request(const Attempt& attempt) {
  if (attempt.protocol == Protocol::tcp || attempt.path.empty() || !manifest::is_plain_path(attempt.path)) return "";
  if (!consists_of(attempt.path, "/._-~%+=@:,!*()&")) return "";
  std::string path = fmt::format("request.path == \"{}\"", attempt.path);
  if (attempt.protocol == Protocol::grpc) return path;
  if (attempt.method.empty() || !consists_of(attempt.method, "-_")) return "";
  return fmt::format("request.method == \"{}\" && {}", attempt.method, path);
}

// A condition of the manifest as it stands between single quotes of YAML. Of several lines one may end in a comment.
std::optional<std::string> in_single_quotes(std::string_view condition) {
  if (condition.contains('\n') || condition.contains("//")) return std::nullopt;
  std::string quoted;
  for (const char c : condition) {
    if (c == '\'' || c == '$') quoted += c;
    quoted += c;
  }
  return quoted;
}

}  // namespace

std::string permission_line(const Attempt& attempt) {
  const bool grpc = attempt.protocol == Protocol::grpc;
  if (attempt.path.empty() || (!grpc && attempt.method.empty())) return "";
  // A '*' that the caller sent is no pattern of whoever writes the line.
  if (!manifest::is_plain_path(attempt.path) || attempt.path.contains('*')) return "";
  std::string text = grpc ? std::string(attempt.path.substr(1)) : fmt::format("{} {}", attempt.method, attempt.path);
  const auto permission = manifest::parse_permission(text, attempt.protocol);
  const bool one_method = permission && (grpc || permission->methods == std::vector{std::string(attempt.method)});
  return one_method ? in_brackets(text) : "";
}

std::string call_line(const Attempt& attempt, bool with_port, const std::string& permission) {
  std::string what = permission.empty() ? "" : fmt::format("[{}]", permission);
  if (with_port)
    what = fmt::format("{{port: {}{}}}", attempt.port.number, permission.empty() ? "" : ", allow: " + what);
  return fmt::format("calls: {{{}: {}}}", attempt.callee, what);
}

std::string ports_line(const std::set<std::uint16_t>& ports) {
  return fmt::format("port: [{}]", fmt::join(ports, ", "));
}

std::string widened_line(const manifest::When& when, const Attempt& attempt) {
  const std::string request = same_request(attempt);
  const auto source = in_single_quotes(when.source);
  if (request.empty() || !source) return "";
  return fmt::format("when: '({}) || ({})'", *source, request);
}

std::string narrowed_line(const Deny& deny, const Attempt& attempt) {
  const std::string request = same_request(attempt);
  if (request.empty()) return "";
  if (!deny.when) return fmt::format("when: '!({})'", request);
  const auto source = in_single_quotes(deny.when->source);
  return source ? fmt::format("when: '({}) && !({})'", *source, request) : "";
}

}  // namespace bulkhead::policy
