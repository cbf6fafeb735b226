#pragma once

#include <map>
#include <string>

#include "manifest/application.hpp"

namespace bulkhead::control {

// A service, a provider of end users, a deny rule, or the gateway, as a flat list of settings in the manifest's words:
// "calls.payments.timeout" is "2s". Two that are equal give the same list; what has its default in a call or route is
// left out. It holds the values of the environment: not for showing as it is.
using Settings = std::map<std::string, std::string>;
Settings settings_of(const manifest::Service& service);
Settings settings_of(const manifest::Gateway& gateway);
Settings settings_of(const manifest::Provider& provider);
Settings settings_of(const manifest::DenyRule& rule);
Settings settings_of(const manifest::Telemetry& telemetry);

}  // namespace bulkhead::control
