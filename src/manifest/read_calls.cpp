#include <algorithm>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::string_view kCallsAllowed = "{catalog: [GET /items/*], payments: } or [catalog, payments]";

bool is_own_address(std::string_view host) {
  return host == "localhost" || host == "0.0.0.0" || (is_ipv4(host) && host.starts_with("127."));
}

std::optional<WiredAddress> read_wired(Context& context, const Fields& fields) {
  auto text = fields.text("at");
  if (!text) return std::nullopt;
  auto address = split_host_port(text->value);
  if (address && is_own_address(address->host)) {
    return WiredAddress{address->host, address->port, context.report.position(text->mark)};
  }
  refuse_value(context, *fields.find("at"), fields.what("at"), "an address of the program's own loopback",
               "localhost, 0.0.0.0 or 127.x.x.x with a port, such as \"localhost:4001\"");
  context.report.last().help.emplace_back("a peer that is dialled by its name needs no 'at'");
  return std::nullopt;
}

void read_permissions(Context& context, const Node& node, const std::string& what, CallDraft& call) {
  call.permissions = read_texts(context, node, what, "[GET /items/*, POST /items]");
  if (node.kind == Node::Kind::list && node.items.empty()) {
    Mistake& mistake = context.report.add(node.mark, "bad-value", what + " is empty, which allows nothing");
    mistake.help.push_back(fmt::format("name what may be called, or write '{}:' for the whole service", call.target));
  }
}

void read_call_map(Context& context, const Node& node, const std::string& owner, CallDraft& call) {
  Fields fields(context, node, Section::call, owner);
  if (const Node* allow = fields.find("allow")) read_permissions(context, *allow, fields.what("allow"), call);
  if (const Node* port = fields.find("port")) call.ports = read_texts(context, *port, fields.what("port"));
  call.at = read_wired(context, fields);
  if (const Node* as = fields.find("as")) {
    for (Text& name : read_texts(context, *as, fields.what("as"), "catalog"))
      if (check_name(context, name.mark, name.value, "a peer")) call.as.push_back(std::move(name));
  }
  call.resilience.owner = owner;
  read_resilience(context, fields, call.resilience);
  read_when(context, fields, call.when, call.resilience);
}

void read_call(Context& context, const Entry& entry, ServiceDraft& draft) {
  CallDraft call{.target = entry.key, .mark = entry.mark};
  std::string owner = fmt::format("the call of '{}' to '{}'", draft.service.name, entry.key);
  const Node& node = *entry.value;
  if (node.kind == Node::Kind::map)
    read_call_map(context, node, owner, call);
  else if (node.kind != Node::Kind::null)
    read_permissions(context, node, owner, call);
  draft.calls.push_back(std::move(call));
}

void read_call_name(Context& context, const Node& node, const std::string& what, ServiceDraft& draft) {
  if (node.kind == Node::Kind::map) {
    refuse_value(context, node, what, "the name of a service", kCallsAllowed);
    context.report.last().help.emplace_back("to say what may be called, write 'calls' as a map, without dashes");
    return;
  }
  auto text = read_text(context, node, what);
  if (!text) return;
  auto same = std::ranges::find(draft.calls, text->value, &CallDraft::target);
  if (same != draft.calls.end()) {
    context.report.add(text->mark, "repeated-call",
                       fmt::format("'{}' calls '{}' twice", draft.service.name, text->value));
    return;
  }
  draft.calls.push_back({.target = text->value, .mark = text->mark});
}

}  // namespace

void read_calls(Context& context, const Node& node, ServiceDraft& draft) {
  std::string what = fmt::format("'calls' of service '{}'", draft.service.name);
  switch (node.kind) {
    case Node::Kind::null: return;
    case Node::Kind::map:
      for (const Entry& entry : node.entries) read_call(context, entry, draft);
      return;
    case Node::Kind::list:
      for (const NodePtr& item : node.items) read_call_name(context, *item, "each of " + what, draft);
      return;
    case Node::Kind::scalar: refuse_value(context, node, what, "a map or a list of services", kCallsAllowed);
  }
}

void read_dependencies(Context& context, const Node& node, Service& service) {
  std::string what = fmt::format("'depends_on' of service '{}'", service.name);
  if (node.kind == Node::Kind::list) {
    for (Text& text : read_texts(context, node, what)) {
      service.depends_on.push_back({std::move(text.value), Condition::started, context.report.position(text.mark)});
    }
    return;
  }
  if (node.kind != Node::Kind::map) {
    return refuse_value(context, node, what, "a list or map of services", "[catalog] or {catalog: ready}");
  }
  for (const Entry& entry : node.entries) {
    Dependency dependency{entry.key, Condition::started, context.report.position(entry.mark)};
    std::string owner = fmt::format("the dependency of '{}' on '{}'", service.name, entry.key);
    const Node* condition = entry.value.get();
    if (condition->kind == Node::Kind::map) {
      Fields fields(context, *condition, Section::dependency, owner);
      fields.require("condition", "one of started, ready, done");
      condition = fields.find("condition");
    }
    auto text = condition ? read_text(context, *condition, "the condition of " + owner) : std::nullopt;
    if (text && (text->value == "ready" || text->value == "service_healthy"))
      dependency.condition = Condition::ready;
    else if (text && (text->value == "done" || text->value == "service_completed_successfully"))
      dependency.condition = Condition::done;
    else if (text && text->value != "started" && text->value != "service_started") {
      refuse_value(
          context, *condition, "the condition of " + owner, "started, ready or done",
          "started, ready, done (or Compose's service_started, service_healthy, service_completed_successfully)");
    }
    service.depends_on.push_back(std::move(dependency));
  }
}

}  // namespace bulkhead::manifest
