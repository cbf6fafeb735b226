// Dependencies, outside names and wired addresses: what contradicts itself.

#include <algorithm>
#include <map>
#include <set>

#include <fmt/ranges.h>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

void check_dependency(Context& context, const Draft& draft, const ServiceDraft& service, const Dependency& dependency) {
  Mark mark = context.report.mark(dependency.position);
  if (dependency.service == service.service.name) {
    context.report.add(mark, "dependency", fmt::format("'{}' depends on itself", dependency.service));
    return;
  }
  const ServiceDraft* target = find_service(context, draft, {dependency.service, mark}, service.active, "to wait for");
  if (!target) return;
  bool job = target->service.type == ServiceType::job;
  if (dependency.condition == Condition::done && !job) {
    context.report.add(mark, "dependency", fmt::format("'{}' is no job, so it is never done", dependency.service))
        .help.emplace_back("wait for it to be 'ready', or make it a job with 'type: job'");
  }
  if (dependency.condition == Condition::ready && job) {
    context.report.add(mark, "dependency", fmt::format("'{}' is a job, so it is never ready", dependency.service))
        .help.emplace_back("wait for it to be 'done'");
  }
}

// Depth first through depends_on; reports each cycle once, at the dependency that closes it.
class CycleSearch {
 public:
  CycleSearch(Context& context, const Draft& draft) : context_(context), draft_(draft) {}

  void visit(const ServiceDraft& service) {
    if (!seen_.insert(service.service.name).second) return;
    path_.push_back(service.service.name);
    for (const Dependency& dependency : service.service.depends_on) follow(dependency);
    path_.pop_back();
  }

 private:
  void follow(const Dependency& dependency) {
    auto start = std::ranges::find(path_, dependency.service);
    if (start != path_.end()) {
      if (dependency.service == path_.back()) return;  // on itself: reported already
      std::vector<std::string> cycle(start, path_.end());
      cycle.push_back(dependency.service);
      context_.report
          .add(dependency.position, "dependency", fmt::format("a cycle of dependencies: {}", fmt::join(cycle, " -> ")))
          .help.emplace_back("none of them could ever start: remove one");
      return;
    }
    if (const ServiceDraft* next = draft_.find(dependency.service)) visit(*next);
  }

  Context& context_;
  const Draft& draft_;
  std::set<std::string> seen_;
  std::vector<std::string> path_;
};

}  // namespace

void check_dependencies(Context& context, const Draft& draft) {
  for (const ServiceDraft& service : draft.services) {
    std::set<std::string> names;
    for (const Dependency& dependency : service.service.depends_on) {
      if (!names.insert(dependency.service).second) {
        context.report.add(dependency.position, "dependency",
                           fmt::format("'{}' depends on '{}' twice", service.service.name, dependency.service));
      } else {
        check_dependency(context, draft, service, dependency);
      }
    }
  }
  CycleSearch search(context, draft);
  for (const ServiceDraft& service : draft.services) search.visit(service);
}

void check_outside(Context& context, const Draft& draft, const ServiceDraft& service) {
  std::map<std::string, std::string> targets;  // "host:port" to the egress that declared it
  for (const Egress& egress : service.service.egress) {
    if (draft.find(egress.name)) {
      context.report
          .add(egress.position, "egress", fmt::format("the egress '{}' has the name of a service", egress.name))
          .help.emplace_back("give it another name: a name means one peer");
    }
    if (draft.find(egress.host)) {
      context.report
          .add(egress.position, "egress",
               fmt::format("the egress '{}' leads to a host that has the name of a service", egress.name))
          .help.emplace_back("to reach the service, write it in 'calls'");
    }
    auto [other, added] = targets.emplace(fmt::format("{}:{}", egress.host, egress.port.number), egress.name);
    if (!added) {
      context.report.add(
          egress.position, "egress",
          fmt::format("the egress '{}' leads to where '{}' leads: {}", egress.name, other->second, other->first));
    }
    auto confused = std::ranges::find(service.service.egress, egress.name, &Egress::host);
    if (confused != service.service.egress.end() && confused->name != egress.name) {
      context.report.add(
          egress.position, "egress",
          fmt::format("the egress '{}' has the name of the host that '{}' leads to", egress.name, confused->name));
    }
  }
}

void check_wired(Context& context, const ServiceDraft& service) {
  std::map<Port, std::string> taken;
  for (const CallDraft& call : service.calls) {
    if (!call.at) continue;
    Port port = call.at->port;
    if (service.service.port(port)) {
      context.report.add(call.at->position, "at",
                         fmt::format("'{}' listens on port {} itself, so '{}' cannot be there too",
                                     service.service.name, port.number, call.target));
      continue;
    }
    auto [other, added] = taken.emplace(port, call.target);
    if (!added) {
      context.report.add(
          call.at->position, "at",
          fmt::format("'{}' and '{}' cannot both be at port {}", other->second, call.target, port.number));
    }
  }
}

// A name means one peer: no `as` is the name of something else that the same program reaches, or of the program itself.
void check_aliases(Context& context, const ServiceDraft& service) {
  std::map<std::string, std::string> taken{{"localhost", "the program's own host"},
                                           {service.service.name, "the service itself"}};
  for (const CallDraft& call : service.calls) taken.emplace(call.target, fmt::format("service '{}'", call.target));
  for (const Egress& egress : service.service.egress) {
    taken.emplace(egress.name, fmt::format("egress '{}'", egress.name));
    taken.emplace(egress.host, fmt::format("the host of egress '{}'", egress.name));
  }
  for (const CallDraft& call : service.calls) {
    for (const Text& alias : call.as) {
      auto [other, added] = taken.emplace(alias.value, fmt::format("service '{}'", call.target));
      if (added) continue;
      context.report
          .add(alias.mark, "as",
               fmt::format("'{}' cannot be '{}' for '{}': it is the name of {}", call.target, alias.value,
                           service.service.name, other->second))
          .help.emplace_back("a name means one peer");
    }
  }
}

}  // namespace bulkhead::manifest
