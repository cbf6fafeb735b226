#include "policy/can.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <set>

#include <fmt/ranges.h>

#include "conditions/document.hpp"
#include "policy/walk.hpp"

namespace bulkhead::policy {

namespace {

using manifest::Asked;
using nlohmann::json;

constexpr std::string_view kScopes = "scopes";

// What an offline question can say of a request; anything else that a condition asks for makes it unknown.
constexpr std::array kOfUser{Asked::caller,   Asked::callee,        Asked::now,
                             Asked::user_sub, Asked::user_provider, Asked::user_claims};
constexpr std::array kOfRequest{Asked::method, Asked::path};

bool can_be_told(conditions::Slot slot, bool request_is_known) {
  const auto is = [&](Asked each) { return static_cast<conditions::Slot>(each) == slot; };
  return std::ranges::any_of(kOfUser, is) || (request_is_known && std::ranges::any_of(kOfRequest, is));
}

// The names of what the edge's conditions ask for and nobody knows yet.
std::vector<std::string> unknown_of(const Edge& edge, bool request_is_known) {
  std::vector<const manifest::When*> conditions;
  if (edge.when) conditions.push_back(&*edge.when);
  for (const Deny& deny : edge.denies)
    if (deny.when) conditions.push_back(&*deny.when);
  std::vector<std::string> names;
  const auto& variables = manifest::request_environment().variables();
  for (conditions::Slot slot = 0; slot < variables.size(); ++slot) {
    const bool asked =
        std::ranges::any_of(conditions, [&](const manifest::When* when) { return when->condition.reads(slot); });
    if (asked && !can_be_told(slot, request_is_known)) names.push_back(variables[slot].name);
  }
  return names;
}

// A request without fields: only for conditions that ask for none.
conditions::Value no_headers() {
  static const conditions::Document none(json::object());
  return none.value();
}

const manifest::Provider* provider_of(const manifest::Application& application, std::string_view name) {
  const auto found = std::ranges::find(application.auth, name, &manifest::Provider::name);
  return found == application.auth.end() ? nullptr : &*found;
}

bool has_keys(const manifest::Provider& provider) { return provider.issuer.empty() && !provider.client_certificates; }

const manifest::ApiKey* key_of(const manifest::Provider* provider, std::string_view id) {
  if (!provider || !has_keys(*provider)) return nullptr;
  const auto found = std::ranges::find(provider->api_keys, id, &manifest::ApiKey::id);
  return found == provider->api_keys.end() ? nullptr : &*found;
}

// The claims that the gateway would let travel. Those of a key stand in the manifest.
json travelling(const manifest::Provider* provider, const manifest::ApiKey* key, const json& claims) {
  json travel = json::object();
  if (key && !key->scopes.empty()) travel[kScopes] = key->scopes;
  if (key) return travel;
  for (const auto& [name, value] : claims.items())
    if (name == kScopes || (provider && std::ranges::find(provider->claims, name) != provider->claims.end()))
      travel[name] = value;
  return travel;
}

std::uint64_t seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

class Examination {
 public:
  Examination(const manifest::Application& application, const Model& model, const Asking& asking)
      : application_(application),
        model_(model),
        asking_(asking),
        key_(key_of(provider_of(application, asking.user.provider), asking.user.subject)),
        claims_(travelling(provider_of(application, asking.user.provider), key_, asking.user.claims)) {}

  Permit run() {
    if (manifest::is_plain_path(asking_.path))
      route();
    else
      permit_.why = fmt::format("The gateway refuses {}: the path is ambiguous.", asking_.path);
    return std::move(permit_);
  }

 private:
  void route() {
    const manifest::Gateway& gateway = *application_.gateway;
    const manifest::Route* route = choose(gateway, asking_.host, asking_.method, asking_.path);
    if (!route) {
      permit_.why = fmt::format("No route of the gateway takes {} {}.", asking_.method, asking_.path);
      return;
    }
    permit_.route = &route->position;
    note_rules(gateway.rules);
    note_rules(route->rules);
    if (!admit(route->rules.auth)) return;
    note_claims();
    judge_ways(gateway, *route);
    follow();
  }

  void note(std::string sentence) {
    if (std::ranges::find(permit_.depends, sentence) == permit_.depends.end())
      permit_.depends.push_back(std::move(sentence));
  }

  void note_rules(const manifest::EdgeRules& rules) {
    if (!rules.allow_from.empty() || !rules.deny_from.empty()) note("the client's address ('from')");
    if (!rules.limits.empty()) note("how much was asked before ('limit')");
    if (rules.most_request != 0) note("the size of the request ('max_request')");
  }

  // Whether the route takes this user.
  bool admit(const std::optional<manifest::Auth>& auth) {
    const Asker& user = asking_.user;
    const bool asks = auth && !auth->by.empty();
    if (!asks) {
      carries_user_ = false;
      permit_.why = "The route asks nobody who they are.";
      return true;
    }
    if (user.nobody()) {
      if (auth->optional) return true;
      permit_.why = fmt::format("The route asks for a user of {}: 401.", fmt::join(auth->by, " or "));
      return false;
    }
    if (std::ranges::find(auth->by, user.provider) == auth->by.end()) {
      permit_.why =
          fmt::format("The route takes users of {}, not of {}: 401.", fmt::join(auth->by, " or "), user.provider);
      return false;
    }
    if (key_ && key_->expires && *key_->expires <= seconds_now()) {
      permit_.why = fmt::format("The key '{}' has expired: 401.", key_->id);
      return false;
    }
    if (key_ && !key_->limits.empty()) note("how much was asked with the key before (its 'limit')");
    for (const std::string& scope : auth->scopes) {
      const auto scopes = claims_.json().find(kScopes);
      if (scopes != claims_.json().end() && std::ranges::find(*scopes, json(scope)) != scopes->end()) continue;
      permit_.why = fmt::format("The route asks for the scope '{}', which the user lacks: 403.", scope);
      return false;
    }
    return true;
  }

  void note_claims() {
    if (!carries_user_) return;
    for (const auto& [name, value] : asking_.user.claims.items())
      if (!claims_.json().contains(name))
        say(key_ ? fmt::format("The claim '{}' does not travel: a key has none but its scopes.", name)
                 : fmt::format("The claim '{}' does not travel: 'claims' of {} do not name it.", name,
                               asking_.user.provider));
  }

  void say(const std::string& sentence) {
    if (!permit_.why.empty()) permit_.why += ' ';
    permit_.why += sentence;
  }

  const User* user() {
    if (asking_.user.nobody() || !carries_user_) return nullptr;
    user_ = {asking_.user.subject, asking_.user.provider, claims_.value()};
    return &user_;
  }

  Step judge(const Edge& edge, std::string what, std::string_view method, std::string_view path, bool known) {
    Step step{.edge = &edge, .what = std::move(what), .decision = {}, .depends = unknown_of(edge, known), .except = {}};
    const conditions::Value none = no_headers();
    const conditions::Value* headers = step.depends.empty() ? &none : nullptr;
    step.decision = decide({&edge, 1}, {edge.from, edge.to, edge.port, edge.protocol, method, path, headers, user()});
    if (step.decision.verdict != Verdict::unknown) step.depends.clear();
    if (known) return step;
    // Its beginning and its end speak of a request that nobody sent.
    std::string& reason = step.decision.reason;
    reason.erase(std::min(reason.rfind("; to allow it, "), reason.size()));
    if (const std::size_t tried = reason.find(": "); tried != std::string::npos) reason.erase(0, tried + 2);
    return step;
  }

  void judge_ways(const manifest::Gateway& gateway, const manifest::Route& route) {
    const std::string id = fmt::format("gateway.routes[{}]", &route - gateway.routes.data());
    const std::string path = rewrite_path(route, asking_.path);
    for (const Edge& edge : model_.edges) {
      if (edge.kind != Edge::Kind::route || (edge.id != id && !edge.id.starts_with(id + "."))) continue;
      Step step = judge(edge, fmt::format("{} {}", asking_.method, path), asking_.method, path, true);
      if (edge.id == id) permit_.verdict = step.decision.verdict;
      permit_.gateway.push_back(std::move(step));
    }
  }

  // Whom the request causes calls to: each caller once, nearest first.
  void follow() {
    std::deque<std::string_view> open;
    std::set<std::string_view> met;
    const auto meet = [&](const Step& step) {
      const bool service = step.edge->kind != Edge::Kind::egress;
      if (step.decision.verdict == Verdict::denied || !service || !met.insert(step.edge->to).second) return;
      open.push_back(step.edge->to);
    };
    for (const Step& step : permit_.gateway) meet(step);
    while (!open.empty()) {
      const std::string_view caller = open.front();
      open.pop_front();
      for (const Edge& edge : model_.edges) {
        if (edge.from != caller) continue;
        const std::size_t before = permit_.beyond.size();
        judge_edge(edge);
        for (std::size_t i = before; i < permit_.beyond.size(); ++i) meet(permit_.beyond[i]);
      }
    }
  }

  void judge_edge(const Edge& edge) {
    for (const Sample& sample : samples_of(edge)) {
      Step step;
      for (const std::string& method : sample.methods) {
        step = judge(edge, sample.what, method, sample.path, false);
        if (step.decision.verdict != Verdict::denied) break;
      }
      if (step.decision.allowed() || step.decision.verdict == Verdict::unknown) step.except = exceptions_on(edge);
      permit_.beyond.push_back(std::move(step));
    }
  }

  const manifest::Application& application_;
  const Model& model_;
  const Asking& asking_;
  const manifest::ApiKey* key_;  // that the user comes with; null where it is something else
  const conditions::Document claims_;
  User user_;
  bool carries_user_ = true;
  Permit permit_;
};

}  // namespace

Result<Permit> can(const manifest::Application& application, const Model& model, const Asking& asking) {
  if (!application.gateway) return fail(Cause::not_found, "the manifest has no gateway: nothing is asked from outside");
  return Examination(application, model, asking).run();
}

Result<Asker> read_asker(const manifest::Application& application, std::string_view text) {
  if (text == "-" || text == "anonymous") return Asker{};
  const std::size_t colon = text.find(':');
  const manifest::Provider* named =
      colon == std::string_view::npos ? nullptr : provider_of(application, text.substr(0, colon));
  if (named) text.remove_prefix(colon + 1);
  if (text.empty()) return fail(Cause::invalid, "a user has a name; '-' is nobody");
  if (!named && application.auth.size() == 1) named = &application.auth.front();
  if (named && has_keys(*named) && !key_of(named, text)) {
    std::vector<std::string> ids;
    for (const manifest::ApiKey& key : named->api_keys) ids.push_back(key.id);
    return fail(Cause::invalid, "{} has no key named '{}'; it has {}", named->name, text, fmt::join(ids, ", "));
  }
  if (named) return Asker{std::string(text), named->name};
  std::vector<std::string> names;
  for (const manifest::Provider& each : application.auth) names.push_back(each.name);
  if (names.empty()) return fail(Cause::invalid, "nobody vouches for users in this manifest: ask for '-', nobody");
  return fail(Cause::invalid, "say who vouches for the user, one of {}: {}:{}", fmt::join(names, ", "), names.front(),
              text);
}

Result<> add_claim(std::string_view text, json& claims) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    return fail(Cause::invalid, "'{}' is no claim: write NAME=VALUE, such as role=staff", text);
  const std::string value(text.substr(equals + 1));
  auto parsed = read_json(value);
  claims[std::string(text.substr(0, equals))] = parsed ? std::move(*parsed) : json(value);
  return {};
}

Result<Asking> read_url(std::string_view url) {
  if (const std::size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find('#'));
  url = url.substr(0, url.find('?'));
  const std::size_t slash = std::min(url.find('/'), url.size());
  std::string host(url.substr(0, slash));
  if (host.empty() && slash == url.size())
    return fail(Cause::invalid, "a URL is a path, such as /orders/7, or has a host before it");
  const std::size_t port = host.rfind(':');
  if (port != std::string::npos && host.find(']', port) == std::string::npos) host.resize(port);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string path(url.substr(slash));
  return Asking{.user = {}, .method = {}, .host = std::move(host), .path = path.empty() ? "/" : std::move(path)};
}

}  // namespace bulkhead::policy
