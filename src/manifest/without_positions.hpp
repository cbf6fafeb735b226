#pragma once

#include "manifest/application.hpp"

namespace bulkhead::manifest {

inline void forget(Position& position) { position = {}; }

inline void forget_positions(Service& service) {
  forget(service.position);
  if (service.contract) forget(service.contract->position);
  for (DeclaredPort& each : service.ports) forget(each.position);
  for (Mount& each : service.mounts) forget(each.position);
  for (Variable& each : service.environment) forget(each.position);
  for (Egress& each : service.egress) forget(each.position);
  for (Dependency& each : service.depends_on) forget(each.position);
  for (GrantedSecret& each : service.secrets) {
    forget(each.position);
    forget(each.secret.position);
  }
  for (Call& each : service.calls) {
    forget(each.position);
    for (Permission& permission : each.permissions) forget(permission.position);
    if (each.at) forget(each.at->position);
    if (each.when) forget(each.when->position);
  }
}

// For tests: two applications that were written elsewhere, or otherwise, are compared by this.
inline Application without_positions(Application application) {
  for (Service& service : application.services) forget_positions(service);
  for (Secret& each : application.secrets) forget(each.position);
  for (auto* groups : {&application.operators.viewer, &application.operators.operate, &application.operators.admin})
    for (Operators::Group& each : *groups) forget(each.position);
  for (Provider& each : application.auth) forget(each.position);
  if (auto& exported = application.telemetry.exported) {
    forget(exported->position);
    for (ExportHeader& each : exported->headers) {
      forget(each.value.position);
      forget(each.value.secret.position);
    }
  }
  for (DenyRule& each : application.denies) {
    forget(each.position);
    for (Permission& request : each.requests) forget(request.position);
    if (each.when) forget(each.when->position);
  }
  if (!application.gateway) return application;
  Gateway& gateway = *application.gateway;
  forget(gateway.position);
  for (Listen& each : gateway.listen) forget(each.position);
  if (gateway.redirect_http) forget(gateway.redirect_http->position);
  for (Route& each : gateway.routes) {
    forget(each.position);
    if (each.when) forget(each.when->position);
  }
  return application;
}

}  // namespace bulkhead::manifest
