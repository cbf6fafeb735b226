#pragma once

#include <string>
#include <vector>

#include "control/fleet.hpp"
#include "manifest/application.hpp"

// What an `up` would change, in the manifest's own words, and what follows for what runs. Pure.
namespace bulkhead::control {

// One setting of a service or of the gateway. Values of the environment may be secrets and are not told.
struct Change {
  std::string subject;  // "catalog", "gateway"
  std::string key;      // "command", "environment.LEVEL", "calls.payments.timeout", "routes[0]"; "" for all of it
  std::string before;   // "" where it was not there
  std::string after;    // "" where it is not there any more
  bool operator==(const Change&) const = default;
};
std::vector<Change> changes(const manifest::Application* before, const manifest::Application& after);
std::vector<Change> changes(const manifest::Service& before, const manifest::Service& after);

// What happens to a service's instances.
struct Effect {
  enum class Kind : std::uint8_t {
    start,    // it is new
    stop,     // it is gone
    replace,  // another revision
    scale,    // more or fewer of the same
    none,     // told to those that run; nothing is restarted
  };
  std::string subject;
  Kind kind = Kind::none;
  int before = 0;  // instances
  int after = 0;
  bool operator==(const Effect&) const = default;
};
std::string_view to_string(Effect::Kind kind);
// Of the subjects that start, stop, are replaced or scaled, and of those that `changed` names.
std::vector<Effect> effects(const std::map<std::string, Goal>& before, const std::vector<Goal>& after,
                            const std::vector<Change>& changed);

}  // namespace bulkhead::control
