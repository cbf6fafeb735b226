#pragma once

// The defender's question: if FROM is compromised, what can it reach? Computed on the declared edges with decide().

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace bulkhead::policy {

// One step along one declared edge. Pointers are into the Model, which must outlive this.
struct Hop {
  const Edge* edge = nullptr;
  std::vector<std::string> what;    // the permissions as written; {"everything"} where the edge is open
  std::vector<std::string> except;  // what deny rules take out of that, each with its rule
  std::string assumption;           // what must hold for the attacker to take this step
};

struct Reachable {
  std::string name;  // a service, or an egress as "mail (https://api.mail.example:443)"
  bool outside = false;
  std::vector<std::string> secrets;     // that it has
  std::vector<std::vector<Hop>> paths;  // direct: one per edge; through: one shortest path per last edge
};

struct Reach {
  std::string from;
  std::vector<std::string> secrets;  // that FROM has: whoever compromised it has read them
  std::vector<Reachable> direct;     // FROM's own declared calls
  std::vector<Reachable> through;  // by way of another service; also names of `direct`, as the last hop may permit more
  std::vector<std::string> unseen;  // what this analysis cannot know, each a sentence
};

struct Answer {
  Verdict verdict = Verdict::denied;   // may FROM call TO itself?
  Verdict indirect = Verdict::denied;  // could what FROM can reach carry it on to TO? unknown past the outside
  std::string why;                     // one or more sentences, names the rule's file and line
  const Deny* denied_by = nullptr;     // the deny rule that leaves nothing of a declared direct call; may be null
  const Edge* rule = nullptr;          // of the direct call, else of the first hop of the shortest path; may be null
  std::vector<Hop> path;               // the shortest one; empty where there is none
};

// FROM is a service; "gateway" means the gateway where no service has that name, kGateway always does. TO may also be
// the name or host of an egress. Cause::not_found names the nearest.
Result<Reach> reach(const Model& model, std::string_view from);
Result<Answer> reach(const Model& model, std::string_view from, std::string_view to);

std::string to_text(const Reach& reach);
std::string to_text(const Answer& answer, std::string_view from, std::string_view to);
nlohmann::json to_json(const Reach& reach);
nlohmann::json to_json(const Answer& answer, std::string_view from, std::string_view to);

}  // namespace bulkhead::policy
