#pragma once

// The contracts of several services as one OpenAPI document: the API of an application. Pure.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "contracts/document.hpp"

namespace bulkhead::contracts {

struct Part {
  std::string service;             // names of components and operations begin with it: "catalog.Item"
  const Node* document = nullptr;  // as Contract::read takes it
  // What a path of the service (its base in front) is called outside; nothing leaves it out.
  std::function<std::optional<std::string>(const std::string& path)> outside;
};

// As JSON. All parts are of one version, 3.0 or 3.1: their dialects of JSON Schema differ. Refuses two operations with
// one method and path.
Result<std::string> merge(const std::string& title, const std::vector<Part>& parts);

}  // namespace bulkhead::contracts
