#include "manifest/parse.hpp"

#include <algorithm>

#include "manifest/assemble.hpp"
#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

constexpr Duration kShortestTtl{60'000};
constexpr Duration kLongestTtl{3'600'000};
constexpr std::size_t kMostServices = 1000;

bool is_trust_domain(std::string_view text) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !text.empty() && text.size() <= 255 && std::ranges::all_of(text, allowed) && text.front() != '.' &&
         text.back() != '.';
}

void read_application(Context& context, const Fields& fields, Application& application) {
  fields.require("app", "a name for the application, such as 'app: shop'");
  if (auto name = fields.text("app")) {
    if (check_name(context, name->mark, name->value, "an application")) application.name = name->value;
  }
  application.trust_domain = application.name + ".bulkhead";
  if (auto domain = fields.text("trust_domain")) {
    application.trust_domain = domain->value;
    if (!is_trust_domain(domain->value)) {
      refuse_value(context, *fields.find("trust_domain"), fields.what("trust_domain"), "a trust domain",
                   "lower-case letters, digits, '-', '_' and '.', at most 255");
    }
  }
  if (auto ttl = fields.duration("svid_ttl", kShortestTtl, kLongestTtl)) application.svid_ttl = *ttl;
  if (const auto mode = read_mode(context, fields)) application.mode = *mode;
}

// Of every service that names no owner.
void read_owner(Context& context, const Fields& fields, Draft& draft) {
  std::string owner;
  read_one_line(context, fields, "owner", owner);
  for (ServiceDraft& each : draft.services) {
    if (each.service.owner.empty()) each.service.owner = owner;
  }
}

void read_services(Context& context, const Fields& fields, Draft& draft) {
  fields.require("services", "what the application is made of: services: {web: {command: [./web], port: 8080}}");
  const Node* node = fields.find("services");
  if (!node) return;
  if (node->kind != Node::Kind::map || node->entries.empty()) {
    return refuse_value(context, *node, "'services'", "a map of at least one service",
                        "{catalog: {command: [python3, app.py], port: 8080}}");
  }
  if (node->entries.size() > kMostServices) {
    return refuse_value(context, *node, "'services'", fmt::format("a map of at most {} services", kMostServices));
  }
  for (const Entry& entry : node->entries) read_service(context, entry, draft);
}

void resolve(Context& context, Draft& draft) {
  check_groups(context, draft);
  expand_group_calls(context, draft);
  for (ServiceDraft& service : draft.services) {
    resolve_health(context, service);
    resolve_secrets(context, draft, service);
    resolve_calls(context, draft, service);
    resolve_call_detours(context, draft, service);
    check_concurrency(context, service);
    check_outside(context, draft, service);
    check_wired(context, service);
    check_aliases(context, service);
  }
  check_dependencies(context, draft);
  resolve_denies(context, draft);
  resolve_routes(context, draft);
  check_users(context, draft);
}

void finish(Draft& draft) {
  for (ServiceDraft& each : draft.services)
    if (!each.service.mode) each.service.mode = draft.application.mode;
  const Debug& all = draft.application.debug;
  for (ServiceDraft& each : draft.services) {
    Debug& own = each.service.debug;
    own = {own.exec && all.exec, own.run && all.run, own.forward && all.forward};
    if (each.active)
      draft.application.services.push_back(std::move(each.service));
    else
      draft.application.inactive.push_back(each.service.name);
  }
}

void read_root(Context& context, const Node& root, Draft& draft) {
  if (root.kind != Node::Kind::map) {
    return refuse_value(context, root, "a manifest", "a map", "app: shop, then services: ...");
  }
  Fields fields(context, root, Section::manifest, "the manifest");
  read_application(context, fields, draft.application);
  if (const Node* node = fields.find("roles")) read_roles(context, *node);
  if (const Node* node = fields.find("secrets")) read_secrets(context, *node, draft);
  read_services(context, fields, draft);
  if (const Node* node = fields.find("telemetry")) read_telemetry(context, *node, draft.application);
  if (const Node* node = fields.find("operators")) read_operators(context, *node, draft.application);
  if (const Node* node = fields.find("debug"))
    read_debug(context, *node, "'debug' of the manifest", draft.application.debug);
  read_owner(context, fields, draft);
  if (const Node* node = fields.find("groups")) read_groups(context, *node, draft);
  if (const Node* node = fields.find("deny")) read_denies(context, *node, draft);
  if (const Node* auth = fields.find("auth")) read_providers(context, *auth, draft.application);
  if (const Node* gateway = fields.find("gateway")) read_gateway(context, *gateway, fields.mark("gateway"), draft);
  resolve(context, draft);
}

}  // namespace

Parsed parse(std::string_view text, const ParseOptions& options) {
  return parse({Source{options.file, "", std::string(text)}}, options);
}

Parsed parse(const std::vector<Source>& sources, const ParseOptions& options) {
  Report report(sources);
  Context context{report, options};
  Draft draft;
  draft.application.file = sources.front().file;
  Parsed parsed;
  parsed.merged = assemble(context);
  if (parsed.merged) {
    read_root(context, *parsed.merged, draft);
  } else if (report.empty()) {
    report.add(Mark{}, "empty", "the manifest is empty").help.emplace_back("it needs 'app' and 'services'");
  }
  if (report.empty()) {
    finish(draft);
    parsed.application = std::move(draft.application);
  }
  parsed.mistakes = report.take_mistakes();
  parsed.sources = report.take_sources();
  return parsed;
}

}  // namespace bulkhead::manifest
