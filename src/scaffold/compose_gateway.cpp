// What is reachable from outside: one listener, and a route to each service that the Compose file publishes.

#include <algorithm>

#include <fmt/format.h>

#include "scaffold/compose_draft.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

class GatewayWriter {
 public:
  GatewayWriter(ComposeContext& context, std::vector<ComposeService>& services)
      : context_(context), services_(services) {}

  void run() {
    std::vector<ComposeService*> web;
    const Published* listen = nullptr;
    std::vector<Published> taken;
    for (ComposeService& service : services_) {
      for (const Published& each : service.published) {
        if (service.is_dropped) {
          if (!listen) listen = &each;
          continue;
        }
        auto port = std::ranges::find(service.plan.ports, each.target, &PortPlan::number);
        if (port == service.plan.ports.end()) continue;
        if (port->protocol == Protocol::tcp) {
          context_.leave_out(
              service, "ports", each.line,
              fmt::format("{} speaks TCP, and the gateway HTTP: it is reachable for services that call it alone",
                          each.target));
        } else if (std::ranges::find(web, &service) == web.end()) {
          web.push_back(&service);
          taken.push_back(each);
        }
      }
    }
    label_routes();
    // A port without a number on the host is for whoever asks Docker; it counts where there is no other.
    bool fixed = std::ranges::any_of(taken, [](const Published& each) { return !each.host_port.empty(); });
    for (std::size_t i = web.size(); fixed && i-- > 0;)
      if (taken[i].host_port.empty()) {
        web.erase(web.begin() + static_cast<std::ptrdiff_t>(i));
        taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(i));
      }
    std::size_t first = 0;
    for (std::size_t i = 0; i < web.size(); ++i)
      if (web[i]->image.kind == ImageKind::nginx && web[first]->image.kind != ImageKind::nginx) first = i;
    if (!listen && !web.empty()) listen = &taken[first];
    if (web.empty() && gateway().routes.empty()) return no_door();
    listen_at(listen);
    if (!web.empty()) route(*web[first], taken[first], true);
    for (std::size_t i = 0; i < web.size(); ++i)
      if (i != first) route(*web[i], taken[i], false);
  }

 private:
  GatewayPlan& gateway() { return context_.plan().gateway; }

  void no_door() {
    ComposeService* only = nullptr;
    for (ComposeService& service : services_) {
      bool called = std::ranges::any_of(
          services_, [&](const ComposeService& other) { return other.plan.call(service.plan.name) != nullptr; });
      bool fits = !service.is_dropped && !called && !service.plan.ports.empty() &&
                  service.plan.ports.front().protocol == Protocol::http && service.plan.profiles.empty();
      if (fits && !only) only = &service;
    }
    if (!only) return;
    gateway().routes.push_back({only->plan.name, "", "/*", "nobody calls it"});
  }

  void listen_at(const Published* published) {
    if (!published) return;
    GatewayPlan& plan = gateway();
    plan.plain_http = true;
    auto port = port_of(context_.value(published->host_port));
    if (!port || *port < 1024) {
      plan.listen = "127.0.0.1:8080";
      plan.listen_why =
          port ? fmt::format("{} says {}, which only root may listen on", context_.place(published->line), *port) : "";
    } else {
      plan.listen = "127.0.0.1:" + published->host_port;
      plan.listen_why = context_.place(published->line) + "; for others than this host: 0.0.0.0, and no 'tls: off'";
    }
  }

  void route(ComposeService& service, const Published& published, bool whole) {
    std::string to = service.plan.name;
    if (service.plan.ports.front().number != published.target) to = yaml_target(to, published.target);
    GatewayPlan& plan = gateway();
    bool free =
        std::ranges::none_of(plan.routes, [](const RoutePlan& each) { return each.host.empty() && each.path == "/*"; });
    if (whole && free) {
      plan.routes.push_back({to, "", "/*", context_.place(published.line)});
      return;
    }
    std::string host = service.plan.name + ".localhost";
    bool taken = std::ranges::any_of(plan.routes, [&](const RoutePlan& each) { return each.host == host; });
    if (taken) return;
    plan.routes.push_back({to, host, "/*", context_.place(published.line)});
    context_.leave_out(service, "ports", published.line,
                       fmt::format("one port serves all: instead of its own it answers as http://{}", host));
  }

  static std::string yaml_target(const std::string& name, std::uint16_t port) {
    return fmt::format("\"{}:{}\"", name, port);
  }

  // Routes that labels give to Traefik.
  void label_routes() {
    for (ComposeService& service : services_) {
      const Node* labels = find(*service.node, "labels");
      if (!labels) continue;
      std::vector<std::pair<std::string, int>> rules;
      for (const manifest::Entry& entry : labels->entries)
        if (entry.value->kind == Node::Kind::scalar)
          rules.emplace_back(entry.key + "=" + context_.value(*entry.value), entry.mark.line);
      for (const NodePtr& item : labels->items) rules.emplace_back(context_.value(*item), item->mark.line);
      bool routed = false;
      for (const auto& [text, line] : rules)
        if (text.starts_with("traefik.http.routers.") && contains(text, ".rule="))
          routed = rule(service, text, line) || routed;
      if (!routed)
        context_.leave_out(service, "labels", labels->mark.line, "it describes a container, and there is none");
    }
  }

  bool rule(ComposeService& service, const std::string& text, int line) {
    if (service.plan.ports.empty() || service.plan.ports.front().protocol == Protocol::tcp || service.is_dropped)
      return false;
    auto argument = [&](std::string_view name) {
      std::size_t at = text.find(std::string(name) + "(`");
      if (at == std::string::npos) return std::string();
      std::size_t begin = at + name.size() + 2;
      return text.substr(begin, text.find('`', begin) - begin);
    };
    RoutePlan route{service.plan.name, lower(argument("Host")), "/*", context_.place(line)};
    if (std::string prefix = argument("PathPrefix"); !prefix.empty()) {
      while (prefix.ends_with('/')) prefix.pop_back();
      route.path = prefix + "/*";
    }
    bool odd = contains_any(route.host + route.path, {"{", "$", "*.", "\"", " "}) || !route.path.starts_with('/');
    bool same = std::ranges::any_of(
        gateway().routes, [&](const RoutePlan& each) { return each.host == route.host && each.path == route.path; });
    if (odd || same) return false;
    gateway().routes.push_back(std::move(route));
    return true;
  }

  ComposeContext& context_;
  std::vector<ComposeService>& services_;
};

}  // namespace

void open_gateway(ComposeContext& context, std::vector<ComposeService>& services) {
  GatewayWriter(context, services).run();
}

}  // namespace bulkhead::scaffold
