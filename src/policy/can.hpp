#pragma once

// May this user send that request? From the manifest alone, with decide(): what the gateway does with it, and what the
// service behind can then reach for the user. What only a real request tells is said, not guessed. Pure but for the
// time of asking, which conditions and keys that expire look at.

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace bulkhead::policy {

struct Asker {
  std::string subject;   // "": nobody
  std::string provider;  // who vouches for them
  nlohmann::json claims = nlohmann::json::object();

  bool nobody() const { return subject.empty(); }
};

struct Asking {
  Asker user;
  std::string method;  // as it would be sent
  std::string host;    // lower case, without port; "" is any
  std::string path;    // without query
};

// "ann", "customers:ann", where `customers` is a provider of the manifest; "-" and "anonymous" are nobody. A user whose
// provider is not named is vouched for by the manifest's only one. Cause::invalid says what would be right.
Result<Asker> read_asker(const manifest::Application& application, std::string_view text);

// "role=staff", "level=3": a value that is JSON is that, any other is text. Cause::invalid where there is no "=".
Result<> add_claim(std::string_view text, nlohmann::json& claims);

// "/orders/7", "https://shop.example/orders/7?x=1", "shop.example/orders/7". Cause::invalid where no path is found.
Result<Asking> read_url(std::string_view url);

// One way that the request, or what it causes, may take. Pointers are into the Model, which must outlive this.
struct Step {
  const Edge* edge = nullptr;
  std::string what;  // the request at the gateway, else the permission as written; "everything" where the edge is open
  Decision decision;
  std::vector<std::string> depends;  // on what only a real request tells, "request.headers"; of an unknown verdict
  std::vector<std::string> except;   // what deny rules take out of it; of steps after the gateway's
};

struct Permit {
  Verdict verdict = Verdict::denied;  // of the gateway
  std::string why;                    // one sentence or more
  const Position* route = nullptr;    // of the route that takes it, in the Application; null where none does
  std::vector<Step> gateway;          // the route's own way, then those of its splits and fallback
  std::vector<Step> beyond;           // what services that it reaches may do for the user, nearest first
  std::vector<std::string> depends;   // what else the gateway looks at, each a sentence
};

// The application must have a gateway, else Cause::not_found.
Result<Permit> can(const manifest::Application& application, const Model& model, const Asking& asking);

std::string to_text(const Permit& permit, const Asking& asking);
nlohmann::json to_json(const Permit& permit, const Asking& asking);

}  // namespace bulkhead::policy
