#pragma once

// Deny rules: which of them are about an edge, and which is about an attempt. Internal to this folder. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace bulkhead::policy {

// What of the manifest's deny rules is about `edge`, in the manifest's order.
std::vector<Deny> denies_on(const manifest::Application& application, const Edge& edge);

// What of `deny`'s requests and connections an attempt is; `maybe` where that depends on what the attempt leaves empty.
// Its condition aside.
enum class Meant : std::uint8_t { no, maybe, yes };
Meant meant(const Deny& deny, const Attempt& attempt);

// "DELETE /admin/* when user.sub == "x" (deny.no-admin at bulkhead.yaml:12:5)".
std::string spoken(const Deny& deny);

}  // namespace bulkhead::policy
