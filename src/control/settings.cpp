#include "control/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "control/launch.hpp"

namespace bulkhead::control {

namespace {

using manifest::to_string;

std::string words_of(const std::vector<std::string>& words) { return fmt::format("[{}]", fmt::join(words, ", ")); }
std::string words_of(bool value) { return value ? "true" : "false"; }
std::string words_of(const std::vector<manifest::HeaderMatch>& headers) {
  std::vector<std::string> texts;
  for (const manifest::HeaderMatch& each : headers) texts.push_back(each.name + ": " + each.value);
  return words_of(texts);
}

std::string words_of(const manifest::Fallback& fallback) {
  if (fallback.status == 0) return fmt::format("to {}:{}", fallback.to, to_string(fallback.port));
  return fmt::format("{} {} {}", fallback.status, fallback.content_type, fallback.body);
}
std::string words_of(const manifest::FaultInjection& fault) {
  return fmt::format("delay {}, abort {}, share {}, headers {}", to_string(fault.delay.value_or(manifest::Duration(0))),
                     fault.abort, to_string(fault.share), words_of(fault.headers));
}

class Describer {
 public:
  explicit Describer(Settings& into) : into_(into) {}

  void service(const manifest::Service& service) {
    add("type", std::string(to_string(service.type)));
    add("dir", service.dir);
    add("command", words_of(service.command));
    if (service.build) add_build(*service.build);
    add("sources", service.sources);
    if (service.rootfs) add("rootfs", *service.rootfs);
    if (service.image) add("image", *service.image);
    if (service.from_image) add("image.root", service.from_image->root);
    for (const manifest::Mount& mount : service.mounts)
      add("mounts." + mount.inside, mount.host + (mount.read_only ? "" : " (writable)"));
    for (const manifest::DeclaredPort& port : service.ports)
      add("ports." + port.name, fmt::format("{} {}", to_string(port.number), to_string(port.protocol)));
    for (const manifest::Variable& variable : service.environment) add("environment." + variable.name, variable.value);
    for (const manifest::Call& call : service.calls) add_call(call);
    for (const manifest::Egress& egress : service.egress)
      add("egress." + egress.name,
          fmt::format("{}://{}:{}", to_string(egress.scheme), egress.host, to_string(egress.port)));
    add_limits(service.limits);
    if (service.healthcheck) add_health(*service.healthcheck);
    add("scale", std::to_string(service.scale));
    add("concurrency", fmt::format("max {}, per caller {}, queue {}", service.concurrency.max,
                                   service.concurrency.per_caller, service.concurrency.queue));
    for (const manifest::Dependency& dependency : service.depends_on)
      add("depends_on." + dependency.service, std::string(to_string(dependency.condition)));
    for (const manifest::GrantedSecret& each : service.secrets) add_secret(each);
    if (const auto& contract = service.contract)
      add("contract", fmt::format("{} ({}), response {}, bodies of {}", contract->file, hash_of(contract->text),
                                  to_string(contract->answers), to_string(manifest::Bytes{contract->most_body})));
    add("owner", service.owner);
    add("mode", std::string(to_string(service.mode.value_or(manifest::Mode::enforce))));
    add("stop_grace", to_string(service.stop_grace));
    add_debug(service.debug);
    add_update(service.update);
    if (service.type == manifest::ServiceType::job) add_job(service.job);
  }

  void gateway(const manifest::Gateway& gateway) {
    for (std::size_t i = 0; i < gateway.listen.size(); ++i)
      add(fmt::format("listen[{}]", i),
          fmt::format("{}:{}", gateway.listen[i].host, to_string(gateway.listen[i].port)));
    add("tls", std::string(to_string(gateway.tls.mode)));
    add("tls.certificate", gateway.tls.certificate);
    add("tls.key", gateway.tls.key);
    if (gateway.tls.mode != manifest::Tls::Mode::off) add("tls_min_version", gateway.tls12 ? "1.2" : "1.3");
    if (gateway.redirect_http)
      add("redirect_http", fmt::format("{}:{}", gateway.redirect_http->host, to_string(gateway.redirect_http->port)));
    add_edge_rules("", gateway.rules);
    for (std::size_t i = 0; i < gateway.routes.size(); ++i) add_route(fmt::format("routes[{}]", i), gateway.routes[i]);
  }

  void provider(const manifest::Provider& provider) {
    const std::string key = "auth." + provider.name;
    add(key + ".issuer", provider.issuer);
    if (!provider.audiences.empty()) add(key + ".audience", words_of(provider.audiences));
    add(key + ".jwks", provider.jwks + provider.jwks_url);
    for (std::size_t i = 0; i < provider.hosts.size(); ++i)
      add(fmt::format("{}.hosts[{}]", key, i),
          fmt::format("{}:{}", provider.hosts[i].host, to_string(provider.hosts[i].port)));
    add(key + ".rsa", provider.rsa_algorithm);
    if (!provider.claims.empty()) add(key + ".claims", words_of(provider.claims));
    for (const manifest::ApiKey& each : provider.api_keys)
      add(fmt::format("{}.api_keys.{}", key, each.id),
          fmt::format("{}, scopes {}, expires {}", each.hash, words_of(each.scopes), each.expires.value_or(0)));
    if (provider.client_certificates) {
      add(key + ".client_certificates.ca", provider.client_certificates->ca);
      add(key + ".client_certificates.subject", provider.client_certificates->subject);
    }
    for (const manifest::ApiKey& each : provider.api_keys)
      for (std::size_t i = 0; i < each.limits.size(); ++i)
        add(fmt::format("{}.api_keys.{}.limit[{}]", key, each.id, i), to_string(each.limits[i]));
  }

  void telemetry(const manifest::Telemetry& telemetry) {
    add("telemetry.keep", to_string(telemetry.keep));
    add("telemetry.max_size", to_string(telemetry.most));
    if (!telemetry.exported) return;
    const manifest::TelemetryExport& exported = *telemetry.exported;
    add("telemetry.export.url", exported.url);
    add("telemetry.export.ca", exported.ca);
    for (const manifest::ExportHeader& each : exported.headers)
      add("telemetry.export.headers." + each.name, "secret " + each.value.secret.name);
    std::vector<std::string> signals;
    for (const auto& [name, wanted] : {std::pair("traces", exported.traces), std::pair("logs", exported.logs),
                                       std::pair("metrics", exported.metrics)})
      if (wanted) signals.emplace_back(name);
    add("telemetry.export.signals", words_of(signals));
  }

  void deny(const manifest::DenyRule& rule) {
    std::vector<std::string> requests;
    for (const manifest::Permission& each : rule.requests) requests.push_back(each.text);
    std::vector<std::string> from = rule.from;
    if (rule.from_gateway) from.insert(from.begin(), "the gateway");
    add(rule.id, fmt::format("{} from {} to {}{}", requests.empty() ? "everything" : words_of(requests),
                             rule.from_anybody ? "anybody" : words_of(from), words_of(rule.to),
                             rule.when ? " when " + rule.when->source : ""));
  }

 private:
  void add(const std::string& key, std::string value) {
    if (!value.empty()) into_[key] = std::move(value);
  }

  void add_build(const manifest::Build& build) {
    std::vector<std::string> commands;
    for (const auto& words : build.commands) commands.push_back(words_of(words));
    add("build", fmt::format("{}", fmt::join(commands, ", ")));
    add("build.dir", build.dir);
    if (!build.inputs.empty()) add("build.inputs", words_of(build.inputs));
    if (!build.ignore.empty()) add("build.ignore", words_of(build.ignore));
  }

  void add_secret(const manifest::GrantedSecret& granted) {
    const manifest::Secret& secret = granted.secret;
    std::string text =
        fmt::format("{}, {} {}, mode {:04o}", secret.name, to_string(secret.source), secret.from, granted.mode);
    if (!granted.env.empty()) text += ", env " + granted.env;
    if (!granted.signal.empty()) text += ", signal " + granted.signal;
    add("secrets." + granted.target, std::move(text));
  }

  void add_call(const manifest::Call& call) {
    const std::string key = "calls." + call.service;
    std::vector<std::string> ports;
    for (const manifest::Port port : call.ports) ports.push_back(to_string(port));
    add(key + ".port", words_of(ports));
    std::vector<std::string> allowed;
    for (const manifest::Permission& permission : call.permissions) allowed.push_back(permission.text);
    add(key + ".allow", allowed.empty() ? "everything" : words_of(allowed));
    if (!call.as.empty()) add(key + ".as", words_of(call.as));
    if (call.when) add(key + ".when", call.when->source);
    if (call.at) add(key + ".at", fmt::format("{}:{}", call.at->host, to_string(call.at->port)));
    add_resilience(key, call.resilience);
  }

  void add_edge_rules(const std::string& key, const manifest::EdgeRules& rules) {
    for (std::size_t i = 0; i < rules.limits.size(); ++i)
      add(fmt::format("{}limit[{}]", key, i), to_string(rules.limits[i]));
    if (!rules.allow_from.empty()) add(key + "from.allow", words_of(rules.allow_from));
    if (!rules.deny_from.empty()) add(key + "from.deny", words_of(rules.deny_from));
    if (rules.cors)
      add(key + "cors",
          fmt::format("origins {}, methods {}, headers {}, expose {}, credentials {}, max age {}",
                      words_of(rules.cors->origins), words_of(rules.cors->methods), words_of(rules.cors->headers),
                      words_of(rules.cors->expose), words_of(rules.cors->credentials), to_string(rules.cors->max_age)));
    for (const manifest::AnswerField& field : rules.headers) add(key + "headers." + field.name, field.value);
    if (rules.most_request != 0) add(key + "max_request", to_string(manifest::Bytes{rules.most_request}));
    if (rules.auth && !rules.auth->by.empty())
      add(key + "auth", fmt::format("by {}{}, scopes {}", words_of(rules.auth->by),
                                    rules.auth->optional ? ", optional" : "", words_of(rules.auth->scopes)));
    if (rules.most_answer != 0) add(key + "max_answer", to_string(manifest::Bytes{rules.most_answer}));
  }

  void add_route(const std::string& key, const manifest::Route& route) {
    const std::string methods = route.match.methods.empty() ? "" : words_of(route.match.methods) + " ";
    add(key + ".match", methods + route.match.host + route.match.path.text());
    add(key + ".to", fmt::format("{}:{}", route.service, to_string(route.port)));
    if (route.rewrite) add(key + ".rewrite", *route.rewrite);
    if (route.when) add(key + ".when", route.when->source);
    add_edge_rules(key + ".", route.rules);
    add_resilience(key, route.resilience);
  }

  void add_resilience(const std::string& key, const manifest::Resilience& value) {
    const manifest::Resilience usual;
    if (value.timeout != usual.timeout) add(key + ".timeout", to_string(value.timeout));
    if (value.retries != usual.retries) {
      const manifest::Retries& retries = value.retries;
      add(key + ".retries",
          fmt::format("max {}, on [{}], unsafe {}, per_try {}, backoff {} to {}, budget {}", retries.max,
                      fmt::join(retries.on, ", "), words_of(retries.unsafe), to_string(retries.per_try),
                      to_string(retries.backoff), to_string(retries.most_backoff), to_string(retries.budget)));
    }
    if (value.breaker)
      add(key + ".breaker",
          fmt::format("errors {}, requests {}, over {}, open {}", to_string(value.breaker->errors),
                      value.breaker->requests, to_string(value.breaker->over), to_string(value.breaker->open)));
    if (value.outliers != usual.outliers)
      add(key + ".outliers", fmt::format("failures {}, eject {}, most {}", value.outliers.failures,
                                         to_string(value.outliers.eject), to_string(value.outliers.most)));
    if (value.slow_start != usual.slow_start) add(key + ".slow_start", to_string(value.slow_start));
    if (value.fallback) add(key + ".fallback", words_of(*value.fallback));
    for (std::size_t i = 0; i < value.faults.size(); ++i)
      add(fmt::format("{}.faults[{}]", key, i), words_of(value.faults[i]));
    for (const manifest::Split& split : value.split)
      add(fmt::format("{}.split.{}", key, split.to), fmt::format("port {}, share {}, headers {}", to_string(split.port),
                                                                 to_string(split.share), words_of(split.headers)));
  }

  void add_limits(const manifest::Limits& limits) {
    if (limits.memory) add("limits.memory", to_string(*limits.memory));
    if (limits.cpu) add("limits.cpu", fmt::format("{}", *limits.cpu));
    if (limits.pids) add("limits.pids", std::to_string(*limits.pids));
    if (limits.files) add("limits.files", std::to_string(*limits.files));
  }

  void add_health(const manifest::Healthcheck& check) {
    add("healthcheck",
        fmt::format("{}{} port {} {}{}, every {}, within {}, {} times, start {}", to_string(check.kind),
                    check.guessed ? " (guessed)" : "", to_string(check.port), check.path, check.service,
                    to_string(check.interval), to_string(check.timeout), check.retries, to_string(check.start_period)));
  }

  void add_update(const manifest::Update& update) {
    add("update.max_surge", std::to_string(update.max_surge));
    add("update.max_unavailable", std::to_string(update.max_unavailable));
    add("update.pause", to_string(update.pause));
    if (update.canary) add("update.canary", to_string(*update.canary));
    if (const auto& bounds = update.auto_rollback)
      add("update.auto_rollback",
          fmt::format("errors {}, p99 {}, over {}", bounds->errors ? to_string(*bounds->errors) : "-",
                      to_string(bounds->p99), to_string(bounds->over)));
  }

  void add_debug(const manifest::Debug& debug) {
    if (!debug.exec) add("debug.exec", "false");
    if (!debug.run) add("debug.run", "false");
    if (!debug.forward) add("debug.forward", "false");
  }

  void add_job(const manifest::Job& job) {
    add("job.retries", std::to_string(job.retries));
    add("job.timeout", to_string(job.timeout));
    if (job.schedule) add("job.schedule", job.schedule->text());
  }

  Settings& into_;
};

}  // namespace

Settings settings_of(const manifest::Service& service) {
  Settings settings;
  Describer(settings).service(service);
  return settings;
}

Settings settings_of(const manifest::Provider& provider) {
  Settings settings;
  Describer(settings).provider(provider);
  return settings;
}

Settings settings_of(const manifest::DenyRule& rule) {
  Settings settings;
  Describer(settings).deny(rule);
  return settings;
}

Settings settings_of(const manifest::Telemetry& telemetry) {
  Settings settings;
  Describer(settings).telemetry(telemetry);
  return settings;
}

Settings settings_of(const manifest::Gateway& gateway) {
  Settings settings;
  Describer(settings).gateway(gateway);
  return settings;
}

}  // namespace bulkhead::control
