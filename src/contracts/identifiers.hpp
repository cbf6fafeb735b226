#pragma once

// Where schemas stand and what they are called: $id, $anchor, $dynamicAnchor, and references resolved against them.
// Nothing is ever fetched: a reference leads into a document that was given, or is a fault. Of this folder.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/dialect.hpp"
#include "contracts/program.hpp"

namespace bulkhead::contracts {

// A schema with an identifier of its own, or a document's root.
struct Resource {
  std::string uri;  // absolute, without fragment
  const Node* root = nullptr;
  std::map<std::string, const Node*, std::less<>> anchors;
  std::map<std::string, const Node*, std::less<>> dynamic_anchors;
};

struct Target {
  const Node* node = nullptr;
  Index resource = 0;
  std::string pointer;       // "#/a/b", behind the URI of another resource than the first
  std::string_view dynamic;  // the dynamic anchor that the reference named, or ""
};

class Identifiers {
 public:
  explicit Identifiers(Dialect dialect) : dialect_(dialect) {}

  // Learns every identifier in a document, which must outlive this. `is_schema` says that its root is a schema.
  // Gives the root's resource.
  Index add(const std::string& uri, const Node& root, bool is_schema);
  // Learns those in a schema that stands in a document which is none.
  void add_schema(const Node& schema, Index resource);

  // Where `reference`, which stands in `resource`, leads. Learns the identifiers of a schema that stands where no
  // keyword puts one.
  Result<Target> resolve(Index resource, std::string_view reference);
  // The target that a JSON pointer names within a resource's root.
  Result<Target> at(Index resource, std::string_view pointer) const;
  // The resource that a schema of `outer` stands in: its own where it has an identifier.
  Index resource_at(const Node& schema, Index outer) const;

  const std::vector<Resource>& resources() const { return resources_; }

 private:
  void scan(const Node& schema, Index resource);
  Index resource_of(const Node& schema, Index outer);
  Result<Target> anchored(Index resource, const std::string& name) const;
  std::string prefix(Index resource) const;
  std::optional<Index> named(std::string_view uri) const;

  Dialect dialect_;
  std::vector<Resource> resources_;
  std::map<std::string, Index, std::less<>> by_uri_;
  std::map<const Node*, Index> roots_;
  std::map<const Node*, bool> scanned_;
};

}  // namespace bulkhead::contracts
