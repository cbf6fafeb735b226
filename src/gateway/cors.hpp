#pragma once

// What a browser asks before and with a cross-origin request, and the answer (Fetch Standard, "CORS protocol"). Pure.

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"
#include "manifest/edge_rules.hpp"

namespace bulkhead::gateway {

// Whether this request only asks if another one may be sent: OPTIONS with Origin and Access-Control-Request-Method.
// Then that method, which a route is chosen by; empty otherwise.
std::string_view asked_method(const http::Request& request);

// The answer to it: 204, with what is allowed; with nothing of it where the origin is none of these.
http::Response preflight_answer(const manifest::Cors& cors, const http::Request& request);

// What an answer says of it to the page that asked; the service's own words of the matter go. `origin` is the
// request's, empty where there is none.
void allow_origin(const manifest::Cors& cors, std::string_view origin, http::Fields& answer);

}  // namespace bulkhead::gateway
