#include "proxy/snapshot_check.hpp"

#include <algorithm>
#include <set>

#include "http/fields.hpp"
#include "identity/spiffe_id.hpp"
#include "jose/signing_key.hpp"
#include "manifest/pattern.hpp"
#include "net/address.hpp"
#include "proxy/contract_desk.hpp"
#include "proxy/provider.hpp"
#include "telemetry/secret_marks.hpp"

namespace bulkhead::proxy {

namespace {

Result<> check_identity(const Snapshot& snapshot) {
  const auto expected = identity::SpiffeId::make(snapshot.trust_domain, snapshot.app, snapshot.service);
  if (!expected) return fail(within("snapshot", expected.error()));
  if (expected->text() == snapshot.spiffe_id) return {};
  return fail(Cause::invalid, "snapshot.spiffe_id is not that of {} in {}", snapshot.service, snapshot.app);
}

Result<> check_inbound(const Snapshot& snapshot) {
  for (const ServedPort& port : snapshot.inbound.ports) {
    if (port.number == 0) return fail(Cause::invalid, "snapshot.inbound.ports has port 0");
  }
  if (const auto& contract = snapshot.inbound.contract) {
    if (auto read = check_contract(*contract); !read) return fail(within("snapshot.inbound.contract", read.error()));
  }
  for (const policy::Edge& edge : snapshot.inbound.edges) {
    if (edge.to != snapshot.service || edge.kind == policy::Edge::Kind::egress) {
      return fail(Cause::invalid, "snapshot.inbound.edges has {}, whose callee is {}", edge.id, edge.to);
    }
  }
  return {};
}

constexpr std::uint32_t kWhole = 10'000;

Result<> check_upstream(const Snapshot& snapshot, const Upstream& upstream) {
  const auto expected = identity::SpiffeId::make(snapshot.trust_domain, snapshot.app, upstream.service);
  if (!expected || expected->text() != upstream.spiffe_id) {
    return fail(Cause::invalid, "snapshot.upstreams: {} has a foreign spiffe_id", upstream.service);
  }
  const policy::Edge& edge = upstream.edge;
  const bool fits = edge.from == snapshot.service && edge.to == upstream.service && edge.port.number == upstream.port &&
                    edge.protocol == upstream.protocol;
  if (!fits) return fail(Cause::invalid, "snapshot.upstreams: {} has the edge of another call", upstream.service);
  std::set<std::string_view> instances;
  for (const Endpoint& endpoint : upstream.endpoints) {
    if (auto address = net::Address::parse(endpoint_address(endpoint.address)); !address) {
      return fail(within("snapshot.upstreams: endpoint of " + upstream.service, address.error()));
    }
    if (endpoint.share > kWhole) {
      return fail(Cause::invalid, "snapshot.upstreams: {} gets {} ten thousandths of the requests", endpoint.instance,
                  endpoint.share);
    }
    if (!instances.insert(endpoint.instance).second) {
      return fail(Cause::invalid, "snapshot.upstreams: {} has {} twice", upstream.service, endpoint.instance);
    }
  }
  return {};
}

bool handling_fits(const Snapshot& snapshot, const Door& door) {
  if (door.kind == DoorKind::upstream) {
    const bool tcp = snapshot.upstreams[door.index].protocol == Protocol::tcp;
    return door.handling == (tcp ? Handling::tcp : Handling::http);
  }
  switch (snapshot.egress[door.index].scheme) {
    case Scheme::tcp: return door.handling == Handling::tcp;
    case Scheme::http: return door.handling == Handling::http;
    case Scheme::https: return door.handling != Handling::tcp;
  }
  return false;
}

Result<> check_doors(const Snapshot& snapshot) {
  std::set<std::pair<std::string_view, std::uint16_t>> taken;
  for (const Door& door : snapshot.doors) {
    if (auto address = net::Address::ip(door.address, door.port); !address || door.port == 0) {
      return fail(Cause::invalid, "snapshot.doors: {} port {} is no address", door.address, door.port);
    }
    const std::size_t behind = door.kind == DoorKind::upstream ? snapshot.upstreams.size() : snapshot.egress.size();
    if (door.index >= behind) return fail(Cause::invalid, "snapshot.doors: index {} points at nothing", door.index);
    if (!handling_fits(snapshot, door)) {
      return fail(Cause::invalid, "snapshot.doors: {} port {} can't be handled as {}", door.address, door.port,
                  to_string(door.handling));
    }
    if (!taken.emplace(door.address, door.port).second) {
      return fail(Cause::invalid, "snapshot.doors: {} port {} is there twice", door.address, door.port);
    }
  }
  return {};
}

Result<> check_names(const Snapshot& snapshot) {
  std::set<std::string_view> taken;
  for (const Name& name : snapshot.names) {
    if (!net::Address::ip(name.address, 0))
      return fail(Cause::invalid, "snapshot.names: {} is no address", name.address);
    if (name.name.empty() || !taken.insert(name.name).second) {
      return fail(Cause::invalid, "snapshot.names: '{}' is empty or there twice", name.name);
    }
  }
  return {};
}

Result<> check_limits(const std::vector<manifest::Limit>& limits) {
  for (const manifest::Limit& limit : limits) {
    const auto read = manifest::parse_limit(to_string(limit));
    if (!read || *read != limit) return fail(Cause::invalid, "a limit that no manifest could contain");
  }
  return {};
}

Result<> check_edge_rules(const manifest::EdgeRules& rules) {
  if (auto checked = check_limits(rules.limits); !checked) return checked;
  for (const auto* networks : {&rules.allow_from, &rules.deny_from}) {
    for (const std::string& network : *networks)
      if (auto parsed = manifest::Network::parse(network); !parsed) return fail(std::move(parsed.error()));
  }
  for (const manifest::AnswerField& field : rules.headers) {
    if (!http::is_token(field.name) || field.value.empty() || !http::is_field_value(field.value))
      return fail(Cause::invalid, "a field that no answer may have");
  }
  return {};
}

// By what the gateway itself makes of them, so that taking a snapshot can't fail later.
Result<> check_provider(const Provider& provider) {
  for (const manifest::ApiKey& key : provider.api_keys)
    if (auto checked = check_limits(key.limits); !checked) return fail(within(key.id, std::move(checked.error())));
  if (!provider.client_anchors_pem.empty()) {
    auto anchors = read_client_anchors(provider);
    return anchors ? Result<>() : fail(std::move(anchors.error()));
  }
  if (provider.issuer.empty()) {
    auto keys = read_api_keys(provider);
    return keys ? Result<>() : fail(std::move(keys.error()));
  }
  if (provider.jwks.empty()) {
    if (provider.hosts.empty()) return fail(Cause::invalid, "has no keys, and no host to fetch them from");
    return {};
  }
  auto keys = read_key_set(provider);
  return keys ? Result<>() : fail(std::move(keys.error()));
}

Result<> check_users(const Snapshot& snapshot) {
  if (!snapshot.user_keys.empty()) {
    if (auto keys = jose::KeySet::parse(snapshot.user_keys); !keys)
      return fail(within("snapshot.user_keys", std::move(keys.error())));
  }
  const Gateway& gateway = snapshot.gateway;
  // Not with the error of whoever reads them: they are secrets.
  if (!snapshot.user_seal.empty() && !jose::SealKey::from_text(snapshot.user_seal))
    return fail(Cause::invalid, "snapshot.user_seal is no key for seals");
  if (gateway.seals.size() > jose::kMostSeals)
    return fail(Cause::invalid, "snapshot.gateway.seals has more than {}", jose::kMostSeals);
  for (const std::string& seal : gateway.seals)
    if (!jose::SealKey::from_text(seal)) return fail(Cause::invalid, "snapshot.gateway.seals has one that is no key");
  for (const Provider& provider : gateway.providers)
    if (auto checked = check_provider(provider); !checked)
      return fail(within("snapshot.gateway.providers: " + provider.name, std::move(checked.error())));
  for (const Route& route : gateway.routes) {
    if (!route.rules.auth) continue;
    for (const std::string& name : route.rules.auth->by)
      if (std::ranges::find(gateway.providers, name, &Provider::name) == gateway.providers.end())
        return fail(Cause::invalid, "snapshot.gateway.routes: {} asks for {}, who is no provider", route.rule, name);
  }
  if (gateway.providers.empty()) return {};
  if (!jose::SigningKey::from_pem(gateway.signing_key_pem))
    return fail(Cause::invalid, "snapshot.gateway.signing_key_pem is no key to sign with");
  return {};
}

Result<> check_gateway(const Snapshot& snapshot) {
  for (const Route& route : snapshot.gateway.routes) {
    if (route.upstream >= snapshot.upstreams.size()) {
      return fail(Cause::invalid, "snapshot.gateway.routes: {} points at nothing", route.rule);
    }
    if (snapshot.upstreams[route.upstream].protocol == Protocol::tcp) {
      return fail(Cause::invalid, "snapshot.gateway.routes: {} leads to a TCP port", route.rule);
    }
    const auto pattern = manifest::PathPattern::parse(route.path);
    if (!pattern) return fail(within("snapshot.gateway.routes", pattern.error()));
    if (auto checked = check_edge_rules(route.rules); !checked)
      return fail(within("snapshot.gateway.routes: " + route.rule, std::move(checked.error())));
  }
  if (auto checked = check_edge_rules(snapshot.gateway.rules); !checked)
    return fail(within("snapshot.gateway.rules", std::move(checked.error())));
  for (const Listener& listener : snapshot.gateway.listeners) {
    const bool plain = !listener.tls || listener.redirect_to_https;
    if (!plain && snapshot.gateway.certificates.empty()) {
      return fail(Cause::invalid, "snapshot.gateway: {} has no certificate", listener.name);
    }
  }
  return {};
}

}  // namespace

std::string_view endpoint_address(std::string_view address) {
  if (address.starts_with("tcp:")) address.remove_prefix(4);
  return address;
}

Result<> check_snapshot(const Snapshot& snapshot) {
  if (auto checked = check_identity(snapshot); !checked) return checked;
  if (auto checked = check_inbound(snapshot); !checked) return checked;
  for (const Upstream& upstream : snapshot.upstreams) {
    if (auto checked = check_upstream(snapshot, upstream); !checked) return checked;
  }
  if (auto checked = check_resilience(snapshot); !checked) return checked;
  if (auto checked = check_doors(snapshot); !checked) return checked;
  if (auto checked = check_names(snapshot); !checked) return checked;
  for (const Egress& egress : snapshot.egress) {
    if (egress.host.empty() || egress.port == 0)
      return fail(Cause::invalid, "snapshot.egress: {} leads nowhere", egress.name);
  }
  if (auto checked = check_users(snapshot); !checked) return checked;
  if (auto marks = telemetry::SecretMarks::from_texts(snapshot.secret_marks); !marks)
    return fail(within("snapshot.secret_marks", std::move(marks.error())));
  return check_gateway(snapshot);
}

}  // namespace bulkhead::proxy
