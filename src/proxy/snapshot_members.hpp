#pragma once

// The members of each struct of a snapshot with their names in JSON, once, for reading and for writing: calls
// `visit(name, member)` for each. `Struct` is const when it is written.

#include <concepts>
#include <type_traits>

#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, ServedPort>
void members(Visit& visit, Struct& port) {
  visit("number", port.number);
  visit("protocol", port.protocol);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Limits>
void members(Visit& visit, Struct& limits) {
  visit("max_in_flight", limits.max_in_flight);
  visit("max_held", limits.max_held);
  visit("hold_ms", limits.hold_ms);
}

// Durations are numbers of milliseconds, shares of hundredths of a percent.
template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::HeaderMatch>
void members(Visit& visit, Struct& header) {
  visit("name", header.name);
  visit("value", header.value);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Retries>
void members(Visit& visit, Struct& retries) {
  visit("max", retries.max);
  visit("on", retries.on);
  visit("unsafe", retries.unsafe);
  visit("per_try_ms", retries.per_try);
  visit("backoff_ms", retries.backoff);
  visit("most_backoff_ms", retries.most_backoff);
  visit("budget", retries.budget);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Breaker>
void members(Visit& visit, Struct& breaker) {
  visit("errors", breaker.errors);
  visit("requests", breaker.requests);
  visit("over_ms", breaker.over);
  visit("open_ms", breaker.open);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Outliers>
void members(Visit& visit, Struct& outliers) {
  visit("failures", outliers.failures);
  visit("eject_ms", outliers.eject);
  visit("most", outliers.most);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Fallback>
void members(Visit& visit, Struct& fallback) {
  visit("status", fallback.status);
  visit("content_type", fallback.content_type);
  visit("body", fallback.body);
  visit("to", fallback.to);
  visit("port", fallback.port);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::FaultInjection>
void members(Visit& visit, Struct& fault) {
  visit("delay_ms", fault.delay);
  visit("abort", fault.abort);
  visit("share", fault.share);
  visit("headers", fault.headers);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Split>
void members(Visit& visit, Struct& split) {
  visit("to", split.to);
  visit("port", split.port);
  visit("share", split.share);
  visit("headers", split.headers);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Resilience>
void members(Visit& visit, Struct& resilience) {
  visit("timeout_ms", resilience.timeout);
  visit("retries", resilience.retries);
  visit("breaker", resilience.breaker);
  visit("outliers", resilience.outliers);
  visit("slow_start_ms", resilience.slow_start);
  visit("fallback", resilience.fallback);
  visit("faults", resilience.faults);
  visit("split", resilience.split);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Concurrency>
void members(Visit& visit, Struct& concurrency) {
  visit("max", concurrency.max);
  visit("per_caller", concurrency.per_caller);
  visit("queue", concurrency.queue);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, ServiceContract>
void members(Visit& visit, Struct& contract) {
  visit("file", contract.file);
  visit("text", contract.text);
  visit("response", contract.response);
  visit("most_body", contract.most_body);
  visit("audited", contract.audited);
  visit("hidden_paths", contract.hidden_paths);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Inbound>
void members(Visit& visit, Struct& inbound) {
  visit("ports", inbound.ports);
  visit("edges", inbound.edges);
  visit("limits", inbound.limits);
  visit("concurrency", inbound.concurrency);
  visit("contract", inbound.contract);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Health>
void members(Visit& visit, Struct& health) {
  visit("kind", health.kind);
  visit("guessed", health.guessed);
  visit("port", health.port);
  visit("path", health.path);
  visit("interval_ms", health.interval_ms);
  visit("timeout_ms", health.timeout_ms);
  visit("retries", health.retries);
  visit("start_period_ms", health.start_period_ms);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Endpoint>
void members(Visit& visit, Struct& endpoint) {
  visit("instance", endpoint.instance);
  visit("address", endpoint.address);
  visit("ready", endpoint.ready);
  visit("share", endpoint.share);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Upstream>
void members(Visit& visit, Struct& upstream) {
  visit("service", upstream.service);
  visit("port", upstream.port);
  visit("protocol", upstream.protocol);
  visit("spiffe_id", upstream.spiffe_id);
  visit("edge", upstream.edge);
  visit("endpoints", upstream.endpoints);
  visit("resilience", upstream.resilience);
  visit("hidden_paths", upstream.hidden_paths);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Door>
void members(Visit& visit, Struct& door) {
  visit("address", door.address);
  visit("port", door.port);
  visit("kind", door.kind);
  visit("index", door.index);
  visit("handling", door.handling);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Name>
void members(Visit& visit, Struct& name) {
  visit("name", name.name);
  visit("address", name.address);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Egress>
void members(Visit& visit, Struct& egress) {
  visit("name", egress.name);
  visit("scheme", egress.scheme);
  visit("host", egress.host);
  visit("port", egress.port);
  visit("allow_private", egress.allow_private);
  visit("edge", egress.edge);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Listener>
void members(Visit& visit, Struct& listener) {
  visit("name", listener.name);
  visit("tls", listener.tls);
  visit("redirect_to_https", listener.redirect_to_https);
  visit("https_port", listener.https_port);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Certificate>
void members(Visit& visit, Struct& certificate) {
  visit("hosts", certificate.hosts);
  visit("chain_pem", certificate.chain_pem);
  visit("key_pem", certificate.key_pem);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Limit>
void members(Visit& visit, Struct& limit) {
  visit("count", limit.count);
  visit("window_ms", limit.window);
  visit("burst", limit.burst);
  visit("per", limit.per);
  visit("header", limit.header);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Cors>
void members(Visit& visit, Struct& cors) {
  visit("origins", cors.origins);
  visit("methods", cors.methods);
  visit("headers", cors.headers);
  visit("expose", cors.expose);
  visit("credentials", cors.credentials);
  visit("max_age_ms", cors.max_age);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::AnswerField>
void members(Visit& visit, Struct& field) {
  visit("name", field.name);
  visit("value", field.value);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::Auth>
void members(Visit& visit, Struct& auth) {
  visit("by", auth.by);
  visit("optional", auth.optional);
  visit("scopes", auth.scopes);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::ApiKey>
void members(Visit& visit, Struct& key) {
  visit("id", key.id);
  visit("hash", key.hash);
  visit("scopes", key.scopes);
  visit("expires", key.expires);
  visit("limits", key.limits);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Provider>
void members(Visit& visit, Struct& provider) {
  visit("name", provider.name);
  visit("issuer", provider.issuer);
  visit("audiences", provider.audiences);
  visit("jwks", provider.jwks);
  visit("jwks_url", provider.jwks_url);
  visit("hosts", provider.hosts);
  visit("rsa_algorithm", provider.rsa_algorithm);
  visit("claims", provider.claims);
  visit("api_keys", provider.api_keys);
  visit("client_anchors_pem", provider.client_anchors_pem);
  visit("client_subject", provider.client_subject);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, manifest::EdgeRules>
void members(Visit& visit, Struct& rules) {
  visit("limits", rules.limits);
  visit("allow_from", rules.allow_from);
  visit("deny_from", rules.deny_from);
  visit("cors", rules.cors);
  visit("headers", rules.headers);
  visit("most_request", rules.most_request);
  visit("most_answer", rules.most_answer);
  visit("auth", rules.auth);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Route>
void members(Visit& visit, Struct& route) {
  visit("host", route.host);
  visit("path", route.path);
  visit("methods", route.methods);
  visit("upstream", route.upstream);
  visit("rewrite", route.rewrite);
  visit("rule", route.rule);
  visit("rules", route.rules);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Gateway>
void members(Visit& visit, Struct& gateway) {
  visit("listeners", gateway.listeners);
  visit("certificates", gateway.certificates);
  visit("tls12", gateway.tls12);
  visit("providers", gateway.providers);
  visit("signing_key_pem", gateway.signing_key_pem);
  visit("seals", gateway.seals);
  visit("routes", gateway.routes);
  visit("rules", gateway.rules);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, ServiceHint>
void members(Visit& visit, Struct& hint) {
  visit("service", hint.service);
  visit("owner", hint.owner);
  visit("line", hint.line);
  visit("file", hint.file);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Hints>
void members(Visit& visit, Struct& hints) {
  visit("manifest", hints.manifest);
  visit("services", hints.services);
}

template <class Visit, class Struct>
  requires std::same_as<std::remove_const_t<Struct>, Snapshot>
void members(Visit& visit, Struct& snapshot) {
  visit("app", snapshot.app);
  visit("service", snapshot.service);
  visit("instance", snapshot.instance);
  visit("trust_domain", snapshot.trust_domain);
  visit("spiffe_id", snapshot.spiffe_id);
  visit("role", snapshot.role);
  visit("inbound", snapshot.inbound);
  visit("health", snapshot.health);
  visit("upstreams", snapshot.upstreams);
  visit("doors", snapshot.doors);
  visit("names", snapshot.names);
  visit("egress", snapshot.egress);
  visit("gateway", snapshot.gateway);
  visit("user_keys", snapshot.user_keys);
  visit("user_seal", snapshot.user_seal);
  visit("secret_marks", snapshot.secret_marks);
  visit("hints", snapshot.hints);
}

}  // namespace bulkhead::proxy
