#include "gateway/cors.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bulkhead::gateway {

namespace {

constexpr std::string_view kAskedMethod = "access-control-request-method";
constexpr std::string_view kOurs = "access-control-";

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool is_everybody(const manifest::Cors& cors) { return has(cors.origins, "*"); }

// An answer that depends on who asks must not be kept for somebody else.
void add_vary(http::Fields& fields, std::string_view name) {
  if (!fields.lists("vary", name) && !fields.lists("vary", "*")) fields.add("vary", name);
}

// Whether it is allowed at all.
bool name_origin(const manifest::Cors& cors, std::string_view origin, http::Fields& fields) {
  if (is_everybody(cors)) {
    fields.add("access-control-allow-origin", "*");
    return true;
  }
  add_vary(fields, "origin");
  if (!has(cors.origins, origin)) return false;
  fields.add("access-control-allow-origin", origin);
  if (cors.credentials) fields.add("access-control-allow-credentials", "true");
  return true;
}

}  // namespace

std::string_view asked_method(const http::Request& request) {
  if (request.method != "OPTIONS" || !request.fields.has("origin")) return {};
  return request.fields.only(kAskedMethod).value_or(std::string_view());
}

http::Response preflight_answer(const manifest::Cors& cors, const http::Request& request) {
  http::Response answer;
  answer.status = 204;
  if (!name_origin(cors, request.fields.only("origin").value_or(std::string_view()), answer.fields)) return answer;
  answer.fields.add("access-control-allow-methods", fmt::format("{}", fmt::join(cors.methods, ", ")));
  if (!cors.headers.empty())
    answer.fields.add("access-control-allow-headers", fmt::format("{}", fmt::join(cors.headers, ", ")));
  answer.fields.add("access-control-max-age",
                    std::to_string(std::chrono::duration_cast<std::chrono::seconds>(cors.max_age).count()));
  return answer;
}

void allow_origin(const manifest::Cors& cors, std::string_view origin, http::Fields& answer) {
  answer.remove_if([](http::Field field) {
    return field.name.size() >= kOurs.size() && http::equal_ignoring_case(field.name.substr(0, kOurs.size()), kOurs);
  });
  if (origin.empty()) {
    if (!is_everybody(cors)) add_vary(answer, "origin");
    return;
  }
  if (name_origin(cors, origin, answer) && !cors.expose.empty())
    answer.add("access-control-expose-headers", fmt::format("{}", fmt::join(cors.expose, ", ")));
}

}  // namespace bulkhead::gateway
