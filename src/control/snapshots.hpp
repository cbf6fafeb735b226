#pragma once

#include "control/secrets.hpp"
#include "control/users.hpp"
#include "discovery/registry.hpp"
#include "manifest/application.hpp"
#include "policy/model.hpp"
#include "policy/names.hpp"
#include "proxy/snapshot.hpp"

// What one sidecar or gateway is told: made from the manifest and the registry, for one identity, and with no more in
// it than that identity needs. Pure: the same input gives the same snapshot, so that an equal hash means nothing
// changed.
namespace bulkhead::control {

std::string spiffe_id_of(const policy::Model& model, std::string_view service);

proxy::Snapshot sidecar_snapshot(const manifest::Application& application, const policy::Model& model,
                                 const discovery::Registry& registry, const manifest::Service& service,
                                 const std::string& instance, const Users& users);

proxy::Snapshot gateway_snapshot(const manifest::Application& application, const policy::Model& model,
                                 const discovery::Registry& registry, const std::string& instance,
                                 const proxy::Certificate& certificate, const Users& users);

// Of its own secrets and of those who call it; for a gateway, of those whom it calls: what one of them puts into a path
// stands there for both.
void add_secret_marks(proxy::Snapshot& snapshot, const ServiceMarks& marks);

}  // namespace bulkhead::control
