#include "policy/names.hpp"

#include <algorithm>
#include <set>

namespace bulkhead::policy {

namespace {

constexpr Port kHttpPort{80};
constexpr std::uint32_t kServices = 198U << 24 | 18U << 16;  // 198.18.0.0/16; its first 256 addresses are reserved
constexpr std::uint32_t kOutside = 198U << 24 | 19U << 16;   // 198.19.0.0/16
constexpr std::uint32_t kReserved = 256;

Address address_of(std::uint32_t bits) {
  return Address{{static_cast<std::uint8_t>(bits >> 24), static_cast<std::uint8_t>(bits >> 16),
                  static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)}};
}

Handling handling_of(Protocol protocol) { return protocol == Protocol::tcp ? Handling::tcp : Handling::http; }

bool answers(const Name& name, Port port) {
  return std::ranges::find(name.ports, port, &Answering::port) != name.ports.end();
}

void answer(Name& name, Answering answering) {
  if (!answers(name, answering.port)) name.ports.push_back(answering);
}

// A name whose first http or grpc port is not 80 answers there as well, so that http://payments/ works.
void answer_at_80(Name& name) {
  auto first = std::ranges::find(name.ports, Handling::http, &Answering::handling);
  if (first != name.ports.end()) answer(name, {kHttpPort, first->edge, Handling::http});
}

class Planner {
 public:
  Planner(const Model& model, std::string_view service) : model_(model), service_(service) {
    for (std::size_t i = 0; i < model.edges.size(); ++i)
      if (model.edges[i].kind == Edge::Kind::call && model.edges[i].from == service) calls_.push_back(i);
  }

  Plan run() {
    for (const Node& peer : model_.services) plan_peer(peer.name, kServices + kReserved + model_.numbers.at(peer.name));
    for (std::size_t i = 0; i < model_.edges.size(); ++i) {
      const Edge& edge = model_.edges[i];
      if (edge.from == service_ && edge.kind == Edge::Kind::egress) plan_outside(i);
    }
    plan_aliases();
    for (Name& name : plan_.names) std::ranges::sort(name.ports, {}, &Answering::port);
    return std::move(plan_);
  }

 private:
  void plan_peer(std::string_view peer, std::uint32_t address) {
    Name name{std::string(peer), address_of(address), {}};
    // What is declared first: what is learned takes no port of it, port 80 included.
    for (const bool declared : {true, false}) {
      for (const std::size_t i : calls_) {
        const Edge& edge = model_.edges[i];
        if (edge.to != peer || edge.is_declared() != declared) continue;
        Answering answering{edge.port, i, handling_of(edge.protocol)};
        answer(name, answering);
        if (edge.at) plan_.wired.push_back({edge.at->host, {edge.at->port, i, answering.handling}});
      }
      answer_at_80(name);
    }
    if (name.ports.empty()) return;
    plan_.names.push_back(std::move(name));
  }

  void plan_outside(std::size_t index) {
    const Edge& edge = model_.edges[index];
    Name& name = outside_name(edge.to);
    switch (edge.outside->scheme) {
      case Scheme::https: answer(name, {kHttpPort, index, Handling::http}); break;
      case Scheme::http:
        answer(name, {edge.port, index, Handling::http});
        answer_at_80(name);
        break;
      case Scheme::tcp: answer(name, {edge.port, index, Handling::tcp}); break;
    }
    if (edge.outside->is_address) return;
    Handling through = edge.outside->scheme == Scheme::https ? Handling::tls_through : handling_of(edge.protocol);
    answer(outside_name(edge.outside->host), {edge.port, index, through});
  }

  // Each has an address of its own: an address has one name.
  void plan_aliases() {
    std::set<std::string> aliases;
    for (std::size_t i = 0; i < model_.edges.size(); ++i) {
      const Edge& edge = model_.edges[i];
      if (edge.from != service_) continue;
      for (const std::string& alias : edge.as) answer(outside_name(alias), {edge.port, i, handling_of(edge.protocol)});
      aliases.insert(edge.as.begin(), edge.as.end());
    }
    for (const std::string& alias : aliases) answer_at_80(outside_name(alias));
  }

  // The name's entry; made where there is none yet.
  Name& outside_name(const std::string& name) {
    auto found = std::ranges::find(plan_.names, name, &Name::name);
    if (found != plan_.names.end()) return *found;
    plan_.names.push_back({name, address_of(kOutside + model_.numbers.at(number_key(service_, name))), {}});
    return plan_.names.back();
  }

  const Model& model_;
  std::string_view service_;
  std::vector<std::size_t> calls_;  // the service's, as indices into the model's edges
  Plan plan_;
};

}  // namespace

std::string to_string(Address address) { return fmt::format("{}", fmt::join(address.octets, ".")); }

std::string_view to_string(Handling handling) {
  switch (handling) {
    case Handling::http: return "http";
    case Handling::tcp: return "tcp";
    case Handling::tls_through: return "tls_through";
  }
  return "tcp";
}

Plan plan(const Model& model, std::string_view service) { return Planner(model, service).run(); }

}  // namespace bulkhead::policy
