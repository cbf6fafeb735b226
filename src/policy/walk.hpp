#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/reach.hpp"

namespace bulkhead::policy {

// How everyone that FROM can reach over declared edges is reached with the fewest hops. Edges are taken only where
// decide() allows something on them. Internal to this folder; `model` must outlive it.
class Walk {
 public:
  Walk(const Model& model, std::string_view from);

  bool reaches(std::string_view service) const { return hops_.contains(service); }
  // The shortest way to a service; empty for FROM itself.
  const std::vector<Hop>& way(std::string_view service) const { return hops_.find(service)->second; }
  // Every edge of a reached caller, in the order met.
  const std::vector<const Edge*>& edges() const { return edges_; }
  // The shortest way over `edge`.
  std::vector<Hop> over(const Edge& edge) const;
  std::string_view from() const { return from_; }

 private:
  Hop hop(const Edge& edge) const;

  const Model& model_;
  std::string_view from_;
  std::map<std::string, std::vector<Hop>, std::less<>> hops_;
  std::vector<const Edge*> edges_;
};

// What decide() allows on `edge`, one of the model's own: its permissions as written, {"everything"} where it is open,
// none where it allows nothing.
std::vector<std::string> allowed_on(const Model& model, const Edge& edge);
// What deny rules take out of that, or all of it.
std::vector<std::string> exceptions_on(const Edge& edge);

// A request that each permission of the edge covers, one where it is open; with its `what` as the manifest writes it.
struct Sample {
  std::string what;                  // "everything" where the edge is open
  std::vector<std::string> methods;  // any of them will do; of any method, one that rules may name and one they do not
  std::string path;                  // matched by what matches all of the permission's pattern, and by nothing else
};
std::vector<Sample> samples_of(const Edge& edge);

// "payments:9000", "mail (https://api.mail.example:443)", "the gateway".
std::string spoken_target(const Edge& edge);
std::string spoken_party(std::string_view name);

}  // namespace bulkhead::policy
