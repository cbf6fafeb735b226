#include "contracts/problem.hpp"

#include <fmt/format.h>

#include "contracts/json.hpp"

namespace bulkhead::contracts {

std::string_view to_string(Where where) {
  switch (where) {
    case Where::path: return "path";
    case Where::query: return "query";
    case Where::header: return "header";
    case Where::cookie: return "cookie";
    case Where::method: return "method";
    case Where::body: return "body";
  }
  return "path";
}

std::string_view title(std::uint16_t status) {
  switch (status) {
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 502: return "Bad Gateway";
    default: return "Bad Request";
  }
}

std::string_view shown(std::string_view name) {
  constexpr std::size_t kMost = 64;
  if (name.size() <= kMost) return name;
  std::size_t cut = kMost;
  while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xc0U) == 0x80) --cut;
  return name.substr(0, cut);
}

std::string to_json(const Problem& problem) {
  std::string out = fmt::format(R"({{"type":"about:blank","title":"{}","status":{},"detail":)", title(problem.status),
                                problem.status);
  append_quoted(out, problem.detail);
  out += fmt::format(R"(,"where":"{}")", to_string(problem.where));
  const auto member = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += fmt::format(R"(,"{}":)", name);
    append_quoted(out, value);
  };
  member("parameter", problem.parameter);
  if (problem.status == 422) {  // an empty pointer is the whole body
    out += R"(,"pointer":)";
    append_quoted(out, problem.pointer);
  } else {
    member("pointer", problem.pointer);
  }
  member("rule", problem.rule);
  out.push_back('}');
  return out;
}

}  // namespace bulkhead::contracts
