#include "gateway/limits.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace bulkhead::gateway {

namespace {

using Nanos = Limiter::Nanos;
using Per = manifest::Limit::Per;

std::int64_t seconds_up(Nanos time) { return std::chrono::ceil<std::chrono::seconds>(time).count(); }

// "per-address": what of a client is counted. Of a limit for everybody together a client learns nothing.
std::string name_of(const manifest::Limit& limit) {
  return limit.per == Per::header ? "per-" + limit.header : fmt::format("per-{}", to_string(limit.per));
}

std::string_view text_of(const Host& host) { return {reinterpret_cast<const char*>(host.data()), host.size()}; }

std::uint64_t place_of(Limiter& limiter, const Host& host, const http::Fields& fields, std::string_view user,
                       Limits::Time now) {
  const Per per = limiter.limit().per;
  if (per == Per::all) return limiter.place("", now);
  if (per == Per::user && !user.empty()) return limiter.place(fmt::format("={}", user), now);
  if (per == Per::header) {
    // A value, or a user, and an address are never the same key: a value of eight octets could be somebody's address.
    if (const auto value = fields.find(limiter.limit().header)) return limiter.place(fmt::format("={}", *value), now);
  }
  return limiter.place(text_of(host), now);
}

}  // namespace

struct Limits::Counted {
  LimiterPtr limiter;
  const Scope* scope = nullptr;
  std::uint64_t place = 0;
  Limiter::Standing standing{};

  bool is_the_clients_own() const { return limiter->limit().per != Per::all || !scope->key.empty(); }
  std::string name() const { return scope->key.empty() ? name_of(limiter->limit()) : "key-" + scope->key; }
};

void Limits::describe(const std::vector<Counted>& counted, bool refused, Verdict& verdict) {
  const Counted* least = nullptr;
  for (const Counted& each : counted) {
    const manifest::Limit& limit = each.limiter->limit();
    if (each.limiter->at_once() || !each.is_the_clients_own()) continue;
    const auto window = std::max<std::int64_t>(1, seconds_up(limit.window));
    if (!verdict.policy.empty()) verdict.policy += ", ";
    fmt::format_to(std::back_inserter(verdict.policy), "\"{}\";q={};w={}", each.name(), limit.count, window);
    if (least == nullptr || each.standing.remaining < least->standing.remaining) least = &each;
  }
  verdict.limited = least != nullptr;
  if (least == nullptr) return;
  const std::uint32_t left = refused || least->standing.remaining == 0 ? 0 : least->standing.remaining - 1;
  const Nanos until = refused ? least->standing.wait : least->standing.full;
  verdict.left = fmt::format("\"{}\";r={};t={}", least->name(), left, std::max<std::int64_t>(1, seconds_up(until)));
}

Limits::Held& Limits::Held::operator=(Held&& other) noexcept {
  if (this == &other) return *this;
  release();
  places_ = std::exchange(other.places_, {});
  return *this;
}

void Limits::Held::release() {
  for (const auto& [limiter, place] : places_) limiter->give_back(place);
  places_.clear();
}

Limits::Scope Limits::scope_of(const std::string& name, const std::vector<manifest::Limit>& limits) {
  Scope scope;
  for (const manifest::Limit& limit : limits) {
    const std::string key = name + " " + to_string(limit);
    const auto known = known_.find(key);
    LimiterPtr limiter = known != known_.end() ? known->second : std::make_shared<Limiter>(limit, seed_);
    next_.emplace(key, limiter);
    scope.limiters.push_back(std::move(limiter));
  }
  return scope;
}

void Limits::configure(const proxy::Gateway& gateway) {
  next_.clear();
  all_ = scope_of("", gateway.rules.limits);
  routes_.clear();
  for (const proxy::Route& route : gateway.routes) {
    std::string name = route.host + route.path;
    for (const std::string& method : route.methods) name += " " + method;
    routes_.push_back(scope_of(name, route.rules.limits));
  }
  keys_.clear();
  for (const proxy::Provider& provider : gateway.providers) {
    for (const manifest::ApiKey& key : provider.api_keys) {
      if (key.limits.empty()) continue;
      const std::string user = user_key(provider.name, key.id);
      Scope& scope = keys_[user] = scope_of(user, key.limits);
      scope.key = key.id;
    }
  }
  known_ = std::exchange(next_, {});
}

Limits::Verdict Limits::admit(std::size_t route, const Octets& client, const http::Fields& fields,
                              std::string_view user, Time now) {
  Verdict verdict;
  const auto key = keys_.find(user);
  const Scope none;
  const Scope* scopes[] = {&all_, &routes_.at(route), key == keys_.end() ? &none : &key->second};
  if (std::ranges::all_of(scopes, [](const Scope* scope) { return scope->limiters.empty(); })) return verdict;
  const Host host = host_of(client);
  std::vector<Counted> counted;
  for (const Scope* scope : scopes) {
    for (const LimiterPtr& limiter : scope->limiters) {
      Counted one{limiter, scope, place_of(*limiter, host, fields, user, now)};
      one.standing = limiter->standing(one.place, now);
      if (!one.standing.admits && verdict.refused_by == nullptr) {
        verdict.refused_by = &limiter->limit();
        verdict.key = scope->key;
      }
      if (!one.standing.admits) verdict.wait = std::max(verdict.wait, one.standing.wait);
      counted.push_back(std::move(one));
    }
  }
  describe(counted, verdict.refused_by != nullptr, verdict);
  if (verdict.refused_by != nullptr) return verdict;
  for (Counted& each : counted) {
    each.limiter->take(each.place, now);
    if (each.limiter->at_once()) verdict.held.places_.emplace_back(std::move(each.limiter), each.place);
  }
  return verdict;
}

std::string user_key(std::string_view provider, std::string_view subject) {
  return fmt::format("{}\n{}", provider, subject);
}

}  // namespace bulkhead::gateway
