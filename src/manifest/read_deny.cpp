// Rules that deny.

#include <algorithm>
#include <set>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "manifest/draft.hpp"
#include "manifest/wide_path.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kMostDenyRules = 1000;
constexpr std::string_view kDenyAllowed = "[{from: web, to: catalog, requests: [DELETE /admin/*]}]";
constexpr std::string_view kGatewaySpoken = "gateway";
constexpr std::string_view kGatewayOfPeers = "_gateway";  // as certificates and conditions call it

void read_deny_rule(Context& context, const Node& node, Draft& draft) {
  const std::size_t number = draft.denies.size();
  std::string owner = fmt::format("deny rule {}", number + 1);
  Fields fields(context, node, Section::deny, owner);
  if (!fields.readable()) return;
  DenyDraft deny{.mark = node.mark};
  deny.rule.position = context.report.position(node.mark);
  deny.rule.id = fmt::format("deny[{}]", number);
  if (const auto name = fields.text("name"); name && check_name(context, name->mark, name->value, "a deny rule")) {
    deny.rule.id = "deny." + name->value;
    const auto same = [&](const DenyDraft& each) { return each.rule.id == deny.rule.id; };
    if (std::ranges::any_of(draft.denies, same))
      context.report.add(name->mark, "deny", fmt::format("two deny rules have the name '{}'", name->value));
  }
  const auto read_list = [&](std::string_view key, std::string_view allowed, std::vector<Text>& into) {
    const Node* list = fields.find(key);
    if (!list) return;
    const std::size_t before = context.report.size();
    into = read_texts(context, *list, fields.what(key), allowed);
    if (into.empty() && context.report.size() == before)
      refuse_value(context, *list, fields.what(key), "at least one", allowed);
  };
  deny.rule.from_anybody = fields.find("from") == nullptr;
  fields.require("to", "whom nobody may ask: to: catalog");
  read_list("from", "a service, a group or gateway, or a list of them", deny.from);
  read_list("to", "a service or a group, or a list of them", deny.to);
  read_list("requests", "[DELETE /admin/*, package.Service/Method]", deny.requests);
  ResilienceDraft none;
  read_when(context, fields, deny.rule.when, none);
  draft.denies.push_back(std::move(deny));
}

class DenyResolver {
 public:
  DenyResolver(Context& context, const Draft& draft, DenyDraft& deny) : context_(context), draft_(draft), deny_(deny) {}

  void run() {
    for (const Text& name : deny_.from) {
      const bool gateway = name.value == kGatewayOfPeers || (name.value == kGatewaySpoken && !draft_.find(name.value));
      if (gateway)
        deny_.rule.from_gateway = true;
      else
        add_party(name, deny_.rule.from);
    }
    for (const Text& name : deny_.to) add_party(name, deny_.rule.to);
    if (deny_.rule.to.empty()) return;
    for (const Text& text : deny_.requests) add_request(text);
    if (deny_.rule.when && deny_.requests.empty()) check_condition();
  }

 private:
  void add_party(const Text& name, std::vector<std::string>& into) {
    const auto add = [&](const std::string& service) {
      if (std::ranges::find(into, service) == into.end()) into.push_back(service);
    };
    if (const auto group = draft_.groups.find(name.value); group != draft_.groups.end()) {
      for (const Text& member : group->second.members)
        if (draft_.find(member.value)) add(member.value);  // another one is reported with its group
    } else if (draft_.find(name.value)) {
      add(name.value);
    } else {
      refuse_party(name);
    }
  }

  void refuse_party(const Text& name) {
    std::vector<std::string> names;
    for (const ServiceDraft& each : draft_.services) names.push_back(each.service.name);
    for (const auto& [group, members] : draft_.groups) names.push_back(group);
    Mistake& mistake = context_.report.add(name.mark, "no-such-service",
                                           fmt::format("no service and no group is named '{}'", name.value));
    mistake.found = fmt::format("'{}'", name.value);
    mistake.did_you_mean = nearest(name.value, names);
    mistake.allowed = fmt::format("{}", fmt::join(names, ", "));
  }

  std::set<Protocol> spoken() const {
    std::set<Protocol> protocols;
    for (const std::string& name : deny_.rule.to)
      for (const DeclaredPort& port : draft_.find(name)->service.ports) protocols.insert(port.protocol);
    return protocols;
  }

  // "GET /items", "/items" are of http; "package.Service/Method" is of grpc.
  void add_request(const Text& text) {
    const bool http = text.value.starts_with('/') || text.value.find(' ') != std::string::npos;
    const Protocol protocol = http ? Protocol::http : Protocol::grpc;
    auto request = parse_permission(text.value, protocol);
    if (!request) return refuse_request(text, request.error().message);
    if (!spoken().contains(protocol))
      return refuse_request(
          text, fmt::format("no port of {} speaks {}", fmt::join(deny_.rule.to, ", "), to_string(protocol)));
    if (auto wide = widen_pattern(request->path); !wide) return refuse_request(text, wide.error().message);
    request->position = context_.report.position(text.mark);
    deny_.rule.requests.push_back(std::move(*request));
  }

  void refuse_request(const Text& text, std::string_view why) {
    Mistake& mistake = context_.report.add(text.mark, "permission",
                                           fmt::format("'{}' is no request that a rule could deny", text.value));
    mistake.found = fmt::format("'{}'", text.value);
    mistake.allowed =
        "GET /items/*, GET|POST /items, * /items, /items; of grpc package.Service/Method, package.Service/*";
    mistake.help.emplace_back(why);
  }

  void check_condition() {
    if (!spoken().contains(Protocol::tcp)) return;
    context_.report
        .add(context_.report.mark(deny_.rule.when->position), "condition",
             fmt::format("a condition is about requests, and {} has a tcp port", fmt::join(deny_.rule.to, ", ")))
        .help.emplace_back("say which requests: requests: [/*], or deny it without 'when' in a rule of its own");
  }

  Context& context_;
  const Draft& draft_;
  DenyDraft& deny_;
};

}  // namespace

void read_denies(Context& context, const Node& node, Draft& draft) {
  if (node.kind != Node::Kind::list || node.items.empty())
    return refuse_value(context, node, "'deny' of the manifest", "a list of at least one rule", kDenyAllowed);
  if (node.items.size() > kMostDenyRules)
    return refuse_value(context, node, "'deny' of the manifest", fmt::format("a list of at most {}", kMostDenyRules));
  for (const NodePtr& item : node.items) read_deny_rule(context, *item, draft);
}

void resolve_denies(Context& context, Draft& draft) {
  for (DenyDraft& each : draft.denies) {
    DenyResolver(context, draft, each).run();
    draft.application.denies.push_back(each.rule);
  }
}

}  // namespace bulkhead::manifest
