#include "control/selection.hpp"

#include <vector>

#include "control/difference.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

std::set<std::string> with_callees(const manifest::Application& application, const policy::Model& model,
                                   std::set<std::string> names) {
  std::vector<std::string> open(names.begin(), names.end());
  const auto add = [&](const std::string& name) {
    if (names.insert(name).second) open.push_back(name);
  };
  while (!open.empty()) {
    const std::string at = std::move(open.back());
    open.pop_back();
    for (const policy::Edge& edge : model.edges)
      if (edge.from == at && edge.kind != policy::Edge::Kind::egress && edge.is_declared()) add(edge.to);
    if (const manifest::Service* service = application.service(at))
      for (const manifest::Dependency& dependency : service->depends_on) add(dependency.service);
  }
  return names;
}

namespace {

// What its own entry says; a gateway has no revisions, and follows the manifest.
void leave(Desired& next, const manifest::Service& after, const Desired& current, const manifest::Service& before,
           const std::string& id) {
  if (const auto pinned = current.pinned.find(after.name); pinned != current.pinned.end())
    next.pinned.insert(*pinned);
  else if (const auto held = current.held.find(after.name); held != current.held.end())
    next.held.insert(*held);
  else if (!changes(before, after).empty())
    next.held[after.name] = id;
}

}  // namespace

void leave_others(Desired& next, const manifest::Application& wanted, const Desired& current,
                  const manifest::Application& running, const std::string& id) {
  const std::string gateway(policy::kGateway);
  if (running.gateway && wanted.gateway && current.selects(gateway)) next.selected.insert(gateway);
  for (const manifest::Service& before : running.services) {
    const manifest::Service* after = wanted.service(before.name);
    if (after == nullptr || !current.selects(before.name) || !next.selected.insert(before.name).second) continue;
    leave(next, *after, current, before, id);
  }
}

}  // namespace bulkhead::control
