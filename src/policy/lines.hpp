#pragma once

// Lines of a manifest that would allow one attempt and no other, to paste. Each is "" where no line can say exactly
// that: whoever calls chose method and path. Internal to this folder. Pure.

#include <cstdint>
#include <set>
#include <string>

#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace bulkhead::policy {

// "GET /items/7" as it stands within brackets of `calls`, quoted where YAML or a variable would read something else.
std::string permission_line(const Attempt& attempt);

// "calls: {payments: [POST /charges]}", or with the port; `permission` is "" for everything.
std::string call_line(const Attempt& attempt, bool with_port, const std::string& permission);

// "port: [80, 8080]"
std::string ports_line(const std::set<std::uint16_t>& ports);

// "when: '(user.sub == "ann") || (request.method == "GET" && request.path == "/items/7")'"
std::string widened_line(const manifest::When& when, const Attempt& attempt);

// Of a deny rule, with its condition or none: "when: '!(request.method == "GET" && request.path == "/items/7")'"
std::string narrowed_line(const Deny& deny, const Attempt& attempt);

}  // namespace bulkhead::policy
