#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "policy/model.hpp"

namespace bulkhead::policy {

std::string graph_text(const Model& model);     // a block per caller, a line per edge; no colours
std::string graph_dot(const Model& model);      // Graphviz
nlohmann::json graph_json(const Model& model);  // {"app", "trust_domain", "nodes": [...], "edges": [...]}

}  // namespace bulkhead::policy
