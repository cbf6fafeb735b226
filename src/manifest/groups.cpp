// Groups of services: names for several at once, in deny rules and calls.

#include <algorithm>
#include <set>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::string_view kGatewaysName = "gateway";  // as deny rules call it

// The calls of one service, those of groups as one call of each member.
class CallsOfGroups {
 public:
  CallsOfGroups(Context& context, const Draft& draft, const ServiceDraft& service)
      : context_(context), draft_(draft), service_(service) {}

  std::vector<CallDraft> run() {
    std::vector<CallDraft> calls;
    for (const CallDraft& call : service_.calls) {
      const auto group = draft_.groups.find(call.target);
      if (group == draft_.groups.end() || draft_.find(call.target))
        calls.push_back(call);
      else
        add(call, group->second, calls);
    }
    return calls;
  }

 private:
  void add(const CallDraft& call, const GroupDraft& group, std::vector<CallDraft>& calls) {
    if (call.at || !call.as.empty()) {
      context_.report
          .add(call.mark, "call", fmt::format("'{}' is a group, and 'at' and 'as' are of one service", call.target))
          .help.emplace_back("write the call of that service under its own name");
      return;
    }
    for (const Text& member : group.members) {
      // What a service says of a member by its name goes before what it says of the group.
      const bool by_name = std::ranges::find(service_.calls, member.value, &CallDraft::target) != service_.calls.end();
      if (by_name || member.value == service_.service.name || !draft_.find(member.value)) continue;
      if (!met_.insert(member.value).second) {
        refuse_twice(call, member.value);
        continue;
      }
      calls.push_back(call);
      calls.back().target = member.value;
    }
  }

  void refuse_twice(const CallDraft& call, const std::string& member) {
    context_.report
        .add(call.mark, "repeated-call", fmt::format("'{}' calls '{}' by two groups", service_.service.name, member))
        .help.push_back(fmt::format("say under its own name what it may call: '{}: [...]'", member));
  }

  Context& context_;
  const Draft& draft_;
  const ServiceDraft& service_;
  std::set<std::string> met_;  // members that were called by a group
};

}  // namespace

void read_groups(Context& context, const Node& node, Draft& draft) {
  constexpr std::string_view kAllowed = "{backend: [orders, catalog]}";
  if (node.kind != Node::Kind::map) return refuse_value(context, node, "'groups' of the manifest", "a map", kAllowed);
  for (const Entry& entry : node.entries) {
    if (!check_name(context, entry.mark, entry.key, "a group")) continue;
    const std::string what = fmt::format("the group '{}'", entry.key);
    const std::size_t before = context.report.size();
    GroupDraft group{entry.mark, read_texts(context, *entry.value, what, kAllowed)};
    if (group.members.empty() && context.report.size() == before)
      refuse_value(context, *entry.value, what, "a list of at least one service", kAllowed);
    draft.groups.emplace(entry.key, std::move(group));
  }
}

void check_groups(Context& context, const Draft& draft) {
  for (const auto& [name, group] : draft.groups) {
    if (draft.find(name) || name == kGatewaysName)
      context.report
          .add(group.mark, "group",
               fmt::format("'{}' is {}, and can't be a group as well", name,
                           name == kGatewaysName ? "the gateway" : "a service"))
          .help.emplace_back("give the group a name of its own");
    for (const Text& member : group.members) find_service(context, draft, member, false, "in the group");
  }
}

void expand_group_calls(Context& context, Draft& draft) {
  if (draft.groups.empty()) return;
  for (ServiceDraft& each : draft.services) each.calls = CallsOfGroups(context, draft, each).run();
}

}  // namespace bulkhead::manifest
