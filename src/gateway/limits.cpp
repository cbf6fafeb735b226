#include "gateway/limits.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gateway/identity.hpp"

namespace bulkhead::gateway {

namespace {

using Nanos = Limiter::Nanos;
using Per = manifest::Limit::Per;

std::int64_t seconds_up(Nanos time) { return std::chrono::ceil<std::chrono::seconds>(time).count(); }

// What a client is told that it is counted by.
std::string name_of(const manifest::Limit& limit, const std::string& key) {
  if (limit.window == manifest::Duration(0)) return "";
  if (!key.empty()) return "key-" + key;
  if (limit.per == Per::all) return "";
  return limit.per == Per::header ? "per-" + limit.header : fmt::format("per-{}", to_string(limit.per));
}

std::string_view text_of(const Host& host) { return {reinterpret_cast<const char*>(host.data()), host.size()}; }

std::uint64_t place_of(Limiter& limiter, const Host& host, const http::Fields& fields, std::string_view user,
                       Limits::Time now) {
  const Per per = limiter.limit().per;
  if (per == Per::all) return limiter.place("", now);
  if (per == Per::user && !user.empty()) return limiter.place(std::string("=").append(user), now);
  if (per == Per::header) {
    // A value, or a user, and an address are never the same key: a value of eight octets could be somebody's address.
    if (const auto value = fields.find(limiter.limit().header))
      return limiter.place(std::string("=").append(*value), now);
  }
  return limiter.place(text_of(host), now);
}

}  // namespace

void Limits::describe(std::span<const Counted> counted, bool refused, Verdict& verdict) {
  const Counted* least = nullptr;
  for (const Counted& each : counted) {
    if (each.rule->name.empty()) continue;
    if (!verdict.policy.empty()) verdict.policy += ", ";
    verdict.policy += each.rule->policy;
    if (least == nullptr || each.standing.remaining < least->standing.remaining) least = &each;
  }
  verdict.limited = least != nullptr;
  if (least == nullptr) return;
  const std::uint32_t left = refused || least->standing.remaining == 0 ? 0 : least->standing.remaining - 1;
  const Nanos until = refused ? least->standing.wait : least->standing.full;
  verdict.left.reserve(least->rule->name.size() + 40);
  verdict.left.append("\"").append(least->rule->name).append("\";r=").append(fmt::format_int(left).c_str());
  verdict.left.append(";t=").append(fmt::format_int(std::max<std::int64_t>(1, seconds_up(until))).c_str());
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

Limits::Scope Limits::scope_of(const std::string& name, const std::vector<manifest::Limit>& limits,
                               const std::string& key) {
  Scope scope{.rules = {}, .key = key};
  for (const manifest::Limit& limit : limits) {
    const std::string words = name + " " + to_string(limit);
    const auto known = known_.find(words);
    LimiterPtr limiter = known != known_.end() ? known->second : std::make_shared<Limiter>(limit, seed_);
    next_.emplace(words, limiter);
    std::string told = name_of(limit, key);
    std::string policy =
        fmt::format("\"{}\";q={};w={}", told, limit.count, std::max<std::int64_t>(1, seconds_up(limit.window)));
    scope.rules.push_back({std::move(limiter), std::move(told), std::move(policy)});
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
      keys_[user] = scope_of(user, key.limits, key.id);
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
  if (std::ranges::all_of(scopes, [](const Scope* scope) { return scope->rules.empty(); })) return verdict;
  const Host host = host_of(client);
  counted_.clear();
  for (const Scope* scope : scopes) {
    for (const Rule& rule : scope->rules) {
      Counted one{&rule, place_of(*rule.limiter, host, fields, user, now)};
      one.standing = rule.limiter->standing(one.place, now);
      if (!one.standing.admits && verdict.refused_by == nullptr) {
        verdict.refused_by = &rule.limiter->limit();
        verdict.key = scope->key;
      }
      if (!one.standing.admits) verdict.wait = std::max(verdict.wait, one.standing.wait);
      counted_.push_back(one);
    }
  }
  describe(counted_, verdict.refused_by != nullptr, verdict);
  if (verdict.refused_by != nullptr) return verdict;
  for (const Counted& each : counted_) {
    Limiter& limiter = *each.rule->limiter;
    limiter.take(each.place, now);
    if (limiter.at_once()) verdict.held.places_.emplace_back(each.rule->limiter, each.place);
  }
  return verdict;
}

}  // namespace bulkhead::gateway
