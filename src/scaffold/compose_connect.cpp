// Where services listen, who calls whom, in which order they start.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "manifest/addresses.hpp"
#include "manifest/env_file.hpp"
#include "scaffold/compose_draft.hpp"
#include "scaffold/sources.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

constexpr std::array<std::uint16_t, 6> kDebuggers{9229, 5858, 5678, 5005, 35729, 24678};
constexpr std::array<std::uint16_t, 17> kTcpPorts{5432, 6379, 3306, 27017, 5672, 11211, 9092, 2181, 4222,
                                                  1433, 1521, 25,   587,   1025, 9042,  1883, 2379};

bool is_debugger(std::uint16_t port) { return std::ranges::find(kDebuggers, port) != kDebuggers.end(); }

struct Evidence {
  std::size_t caller = 0;
  std::string callee;
  std::uint16_t port = 0;
  std::string scheme;
  std::string why;
};

class PortsReader {
 public:
  PortsReader(ComposeContext& context, ComposeService& service) : context_(context), service_(service) {}

  void run() {
    if (const Node* ports = find(*service_.node, "ports"))
      for (const Node* item : items_of(*ports)) item->kind == Node::Kind::map ? take_long(*item) : take_short(*item);
    if (const Node* expose = find(*service_.node, "expose"))
      for (const Node* item : items_of(*expose)) {
        std::string text = context_.value(*item);
        if (auto port = port_of(text.substr(0, text.find_first_of("/-")))) service_.exposed.push_back(*port);
      }
  }

 private:
  void take_long(const Node& node) {
    context_.check_keys(&service_, node, ComposePart::port, "ports.");
    const Node* target = find(node, "target");
    const Node* published = find(node, "published");
    const Node* protocol = find(node, "protocol");
    if (protocol && protocol->text == "udp") return udp(node);
    auto port = target ? port_of(context_.value(*target)) : std::nullopt;
    if (!port) return unreadable(node);
    service_.published.push_back({published ? context_.text(*published) : "", *port, node.mark.line});
  }

  // [HOST:]PUBLISHED:TARGET[/PROTOCOL], colons inside of ${...} not counted.
  void take_short(const Node& node) {
    std::string text = context_.text(node);
    if (text.ends_with("/udp")) return udp(node);
    if (text.ends_with("/tcp")) text.resize(text.size() - 4);
    std::vector<std::string> parts{""};
    int open = 0;
    for (char c : text) {
      if (c == '{' || c == '[') ++open;
      if (c == '}' || c == ']') --open;
      if (c == ':' && open == 0)
        parts.emplace_back();
      else
        parts.back() += c;
    }
    std::string target = context_.value(parts.back());
    std::string published = parts.size() > 1 ? parts[parts.size() - 2] : "";
    auto first = port_of(target.substr(0, target.find('-')));
    if (!first) return unreadable(node);
    auto last = contains(target, "-") ? port_of(target.substr(target.find('-') + 1)) : first;
    for (unsigned port = *first; last && port <= *last && port < *first + 20U; ++port) {
      std::string host =
          contains(published, "-") && !contains(published, "{") ? published.substr(0, published.find('-')) : published;
      service_.published.push_back({port == *first ? host : "", static_cast<std::uint16_t>(port), node.mark.line});
    }
  }

  void udp(const Node& node) {
    context_.leave_out(service_, "ports", node.mark.line, "UDP is not carried: HTTP, gRPC and TCP are");
  }
  void unreadable(const Node& node) {
    context_.leave_out(service_, "ports", node.mark.line, "this names no port of the program");
  }

  ComposeContext& context_;
  ComposeService& service_;
};

class Connector {
 public:
  Connector(ComposeContext& context, std::vector<ComposeService>& services) : context_(context), services_(services) {}

  void run() {
    find_jobs();
    for (std::size_t i = 0; i < services_.size(); ++i) collect(i);
    for (ComposeService& service : services_) listen(service);
    add_evidence_ports();
    for (ComposeService& service : services_) speak(service);
    declare_calls();
    for (ComposeService& service : services_) order(service);
    for (ComposeService& service : services_) mend_health(service);
  }

 private:
  ComposeService* named(std::string_view name) {
    auto found = std::ranges::find_if(services_, [&](const ComposeService& each) { return each.plan.name == name; });
    return found == services_.end() ? nullptr : &*found;
  }

  void find_jobs() {
    for (ComposeService& service : services_)
      for (const auto& [other, condition] : service.dependencies)
        if (ComposeService* callee = named(other); callee && condition == "done") callee->plan.is_job = true;
    for (ComposeService& service : services_) {
      if (runs_once(service)) service.plan.is_job = true;
      if (!service.plan.is_job) continue;
      service.plan.ports.clear();
      service.plan.health = {};
      service.plan.scale.clear();
    }
  }

  // A service of which the file says that it is not started again, and that nobody reaches.
  static bool runs_once(const ComposeService& service) {
    const Node* restart = find(*service.node, "restart");
    return restart && (restart->text == "no" || restart->text == "false") && service.published.empty() &&
           service.exposed.empty() && service.plan.ports.empty() && service.dockerfile.ports.empty();
  }

  // Everything in which a service names another one.
  void collect(std::size_t index) {
    ComposeService& service = services_[index];
    for (VariablePlan& variable : service.plan.environment) collect_variable(index, variable.name, variable.value, "");
    for (VariablePlan& variable : service.plan.environment) rename_hosts(variable.value);
    for (std::string& word : service.plan.command) {
      if (contains(word, "\n")) continue;
      for (HostSeen seen : hosts_in(word)) {
        seen.line = 0;
        add(index, seen, "its command");
      }
    }
    const Folder& folder = context_.input().folder;
    for (const std::string& file : service.env_texts)
      for (const manifest::Variable& variable : manifest::parse_env_file(folder.text(file), file).variables)
        collect_variable(index, variable.name, escaped(variable.value), file);
    for (const std::string& path : service.configurations) collect_text(index, path);
    bool has_sources = service.context_is_seen && !service.plan.dir.empty();
    if (!has_sources) return;
    for (const std::string& path : folder.below(service.context))
      if (is_source(path) && !belongs_to_other(index, path)) collect_text(index, path);
  }

  bool belongs_to_other(std::size_t index, const std::string& path) const {
    const std::string& own = services_[index].context;
    return std::ranges::any_of(services_, [&](const ComposeService& other) {
      return other.context.size() > own.size() && path.starts_with(other.context + "/");
    });
  }

  void collect_variable(std::size_t index, const std::string& name, const std::string& written,
                        const std::string& file) {
    std::string value = context_.value(written);
    std::string why = file.empty() ? name : fmt::format("{} in {}", name, file);
    for (const manifest::PeerAddress& address : manifest::addresses_in(name, value)) {
      std::uint16_t port = address.port ? address.port->number : 0;
      std::string scheme = value.substr(0, std::min(value.find("://"), value.size()));
      if (!context_.service_called(address.host).empty())
        add(index, {address.host, port, 0}, why, contains(value, "://") ? scheme : "");
      else
        outside(services_[index], address.host, port, contains(value, "://") ? scheme : "", why);
    }
    std::string whole = context_.service_called(value);
    std::string words = upper(name);
    bool speaks =
        contains_any(words, {"HOST", "SERVER", "ADDR", "URL", "URI", "ENDPOINT", "BROKER", "UPSTREAM", "PEER"});
    if (!whole.empty() && speaks) add(index, {value, 0, 0}, why);
  }

  void collect_text(std::size_t index, const std::string& path) {
    auto found = seen_.find(path);
    if (found == seen_.end()) found = seen_.emplace(path, hosts_in(context_.input().folder.text(path))).first;
    for (const HostSeen& seen : found->second) add(index, seen, fmt::format("{}:{}", path, seen.line));
  }

  void add(std::size_t index, const HostSeen& seen, const std::string& why, const std::string& scheme = "") {
    std::string callee = context_.service_called(seen.host);
    if (callee.empty() || callee == services_[index].plan.name) return;
    if (callee != seen.host && seen.line > 0)
      renamed_in_source(index, seen.host, callee, why.substr(0, why.rfind(':')));
    bool known = std::ranges::any_of(evidence_, [&](const Evidence& each) {
      return each.caller == index && each.callee == callee && (each.port == seen.port || seen.port == 0);
    });
    if (known) return;
    evidence_.push_back({index, callee, seen.port, scheme, why});
  }

  // A name that a program's text has, and that no service can have here.
  void renamed_in_source(std::size_t index, const std::string& host, const std::string& callee,
                         const std::string& path) {
    std::string file = shell_word(context_.from_manifest(path));
    context_.plan().add_first_edit(
        {services_[index].plan.name, "calls",
         fmt::format("{} names the host '{}', which is called '{}' here", path, host, callee),
         fmt::format("sed -i 's/\\b{}\\b/{}/g' {}", replaced(host, ".", "\\."), callee, file), ""});
  }

  // Hosts in a value that are called otherwise here.
  void rename_hosts(std::string& value) const {
    for (const auto& [host, name] : context_.names()) {
      if (host == name) continue;
      if (value == host) value = name;
      for (std::size_t at = value.find(host); at != std::string::npos; at = value.find(host, at + 1)) {
        bool begins = at == 0 || !is_host_letter(value[at - 1]);
        std::size_t end = at + host.size();
        bool ends = end < value.size() && (value[end] == ':' || value[end] == '/');
        if (begins && ends) value.replace(at, host.size(), name);
      }
    }
  }

  // A host outside that the environment names over HTTP.
  void outside(ComposeService& service, const std::string& host, std::uint16_t port, const std::string& scheme,
               const std::string& why) {
    bool http = scheme == "http" || scheme == "https";
    if (host == "host.docker.internal")
      return context_.leave_out(
          service, "environment", service.line,
          fmt::format("{} names host.docker.internal: what runs on the host is no part of the application", why));
    bool dotted = contains(host, ".") && !host.ends_with(".localhost") && !host.starts_with("127.") &&
                  host != "0.0.0.0" && !contains(host, "_");
    if (!http || !dotted || host.front() == '.' || host.back() == '.' || contains(host, "..")) return;
    if (host.find_first_not_of("0123456789.") == std::string::npos) return;
    std::string name = name_for(host);
    if (named(name)) return;
    std::string address = fmt::format("{}://{}", scheme, lower(host));
    if (port != 0 && port != (scheme == "https" ? 443 : 80)) address += fmt::format(":{}", port);
    bool known = std::ranges::any_of(service.plan.egress, [&](const EgressPlan& each) { return each.name == name; });
    if (!known) service.plan.egress.push_back({name, address, why});
  }

  static void add_port(ComposeService& service, std::uint16_t port, std::string why,
                       Protocol protocol = Protocol::http) {
    auto& ports = service.plan.ports;
    if (std::ranges::find(ports, port, &PortPlan::number) == ports.end())
      ports.push_back({port, protocol, std::move(why)});
  }

  void listen(ComposeService& service) {
    if (service.plan.is_job) return;
    take_port_variable(service);
    for (const Published& each : service.published) {
      if (is_debugger(each.target))
        context_.leave_out(service, "ports", each.line,
                           fmt::format("{} is for a debugger, not for the application", each.target));
      else
        add_port(service, each.target, context_.place(each.line));
    }
    for (std::uint16_t port : service.exposed)
      if (!is_debugger(port)) add_port(service, port, "expose");
    if (service.plan.ports.empty())
      for (std::uint16_t port : service.dockerfile.ports)
        if (!is_debugger(port)) add_port(service, port, "EXPOSE in " + service.dockerfile_path);
    if (service.plan.ports.empty())
      for (const PortSeen& seen : ports_in(replaced(joined(service.plan.command, " "), "\n", " ")))
        if (seen.number != 0) add_port(service, seen.number, "its command");
    if (service.plan.health.port != 0) add_port(service, service.plan.health.port, "its health check");
  }

  // PORT is the platform's to set: it becomes the first port.
  void take_port_variable(ComposeService& service) {
    const Folder& folder = context_.input().folder;
    for (const std::string& file : service.env_texts)
      for (const manifest::Variable& each : manifest::parse_env_file(folder.text(file), file).variables)
        if (auto port = port_of(each.value); port && each.name == "PORT")
          service.plan.ports.insert(service.plan.ports.begin(), {*port, Protocol::http, "PORT in " + file});
    VariablePlan* variable = service.plan.variable("PORT");
    if (!variable) return;
    auto port = port_of(context_.value(variable->value));
    std::erase_if(service.plan.environment, [](const VariablePlan& each) { return each.name == "PORT"; });
    if (port) service.plan.ports.insert(service.plan.ports.begin(), {*port, Protocol::http, "PORT of its environment"});
  }

  void add_evidence_ports() {
    for (const Evidence& each : evidence_) {
      ComposeService* callee = named(each.callee);
      if (!callee || callee->plan.is_job || each.port == 0) continue;
      bool at_80 = each.port == 80 && !callee->plan.ports.empty();
      if (!at_80) add_port(*callee, each.port, services_[each.caller].plan.name + " names it: " + each.why);
    }
    for (const Evidence& each : evidence_) {
      ComposeService* callee = named(each.callee);
      if (callee && !callee->plan.is_job && callee->plan.ports.empty()) ask_sources(*callee);
    }
    for (ComposeService& service : services_)
      if (service.plan.ports.empty() && !service.plan.is_job && is_wanted(service)) ask_sources(service);
  }

  bool is_wanted(const ComposeService& service) const {
    return std::ranges::any_of(
        services_, [&](const ComposeService& other) { return other.dependencies.contains(service.plan.name); });
  }

  // A service that others need, and of which nothing said where it listens.
  void ask_sources(ComposeService& service) {
    const Folder& folder = context_.input().folder;
    if (service.plan.dir.empty()) return;
    PortSeen best;
    std::string where;
    for (const std::string& path : folder.below(service.context)) {
      if (!is_source(path)) continue;
      for (const PortSeen& seen : ports_in(folder.text(path)))
        if (seen.number != 0 && seen.strength > best.strength) {
          best = seen;
          where = fmt::format("{}:{}", path, seen.line);
        }
    }
    if (best.number != 0) add_port(service, best.number, where);
  }

  void speak(ComposeService& service) {
    for (PortPlan& port : service.plan.ports) {
      if (std::ranges::find(kTcpPorts, port.number) != kTcpPorts.end()) port.protocol = Protocol::tcp;
      if (port.number >= 50050 && port.number <= 50060) port.protocol = Protocol::grpc;
      for (const Evidence& each : evidence_) {
        if (each.callee != service.plan.name || each.port != port.number || each.scheme.empty()) continue;
        bool http = contains_any(each.scheme, {"http", "ws"});
        if (each.scheme == "grpc")
          port.protocol = Protocol::grpc;
        else if (!http)
          port.protocol = Protocol::tcp;
      }
    }
  }

  static bool is_always_there(const ComposeService& caller, const ComposeService& callee) {
    return callee.plan.profiles.empty() || callee.plan.profiles == caller.plan.profiles;
  }

  void declare(ComposeService& caller, const std::string& name, const std::string& why, int line) {
    ComposeService* callee = named(name);
    if (!callee || callee == &caller || callee->is_dropped || callee->plan.is_job || caller.plan.call(name)) return;
    if (callee->plan.ports.empty()) {
      if (line == 0) return;
      return context_.leave_out(caller, "depends_on", line,
                                fmt::format("no call of '{}': nothing says that it listens", name));
    }
    if (!is_always_there(caller, *callee))
      return context_.leave_out(
          caller, "depends_on", caller.line,
          fmt::format("no call of '{}': it belongs to a profile that '{}' is not in", name, caller.plan.name));
    caller.plan.add_call({name, 0, why});
  }

  void declare_calls() {
    for (const Evidence& each : evidence_) declare(services_[each.caller], each.callee, each.why, 0);
    for (ComposeService& caller : services_) {
      if (caller.is_dropped) continue;
      for (const std::string& link : caller.links) declare(caller, link, "links of the Compose file", 0);
      for (const auto& [name, condition] : caller.dependencies)
        if (condition != "done")
          declare(caller, name, "depends_on; no address of it was seen, so remove this if it is not called",
                  caller.dependency_lines[name]);
    }
  }

  // The calls are an order already; what else the file says is kept.
  void order(ComposeService& service) {
    for (const auto& [name, condition] : service.dependencies) {
      const ComposeService* other = named(name);
      int line = service.dependency_lines[name];
      if (!other || other == &service || other->is_dropped) {
        context_.leave_out(service, "depends_on", line, fmt::format("'{}' is no service of the manifest", name));
      } else if (!is_always_there(service, *other)) {
        context_.leave_out(service, "depends_on", line,
                           fmt::format("'{}' belongs to a profile that '{}' is not in", name, service.plan.name));
      } else if (condition != "started" || !service.plan.call(name)) {
        service.plan.depends_on.push_back({name, other->plan.is_job    ? "done"
                                                 : condition == "done" ? "ready"
                                                                       : condition});
      }
    }
  }

  void mend_health(ComposeService& service) {
    HealthPlan& health = service.plan.health;
    auto& ports = service.plan.ports;
    if (ports.empty()) {
      if (!health.empty()) context_.leave_out(service, "healthcheck", service.line, "it has no port to ask");
      health = {};
      return;
    }
    bool other = health.port != 0 && std::ranges::find(ports, health.port, &PortPlan::number) == ports.end();
    if (other) health.port = 0;
    if (health.port == ports.front().number) health.port = 0;
    if (!health.path.empty() && !health.path.starts_with('/')) health.path.clear();
  }

  ComposeContext& context_;
  std::vector<ComposeService>& services_;
  std::vector<Evidence> evidence_;
  std::map<std::string, std::vector<HostSeen>> seen_;
};

}  // namespace

void read_ports(ComposeContext& context, ComposeService& service) { PortsReader(context, service).run(); }

void connect(ComposeContext& context, std::vector<ComposeService>& services) { Connector(context, services).run(); }

}  // namespace bulkhead::scaffold
