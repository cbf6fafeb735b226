#include "contracts/identifiers.hpp"

#include <charconv>

#include "contracts/uri.hpp"

namespace bulkhead::contracts {

Index Identifiers::add(const std::string& uri, const Node& root, bool is_schema) {
  const auto index = static_cast<Index>(resources_.size());
  resources_.push_back({.uri = std::string(without_fragment(uri)), .root = &root});
  by_uri_.emplace(resources_[index].uri, index);
  roots_[&root] = index;
  if (is_schema) scan(root, index);
  return index;
}

void Identifiers::add_schema(const Node& schema, Index resource) { scan(schema, resource); }

// The resource that begins at this schema, if one does; else the outer one.
Index Identifiers::resource_of(const Node& schema, Index outer) {
  const std::string_view id = schema.string(is_2020(dialect_) ? "$id" : "id");
  const bool ignored = reference_rules_alone(dialect_) && schema.find("$ref");
  if (id.empty() || ignored || dialect_ == Dialect::openapi30) return outer;
  if (dialect_ == Dialect::draft4 && id.starts_with('#')) {  // what 2020-12 calls an anchor
    resources_[outer].anchors.emplace(id.substr(1), &schema);
    return outer;
  }
  const std::string uri = resolve_uri(resources_[outer].uri, id);
  if (resources_[outer].root == &schema) {  // the document's root names itself
    resources_[outer].uri = without_fragment(uri);
    by_uri_.emplace(resources_[outer].uri, outer);
    return outer;
  }
  const auto index = static_cast<Index>(resources_.size());
  resources_.push_back({.uri = std::string(without_fragment(uri)), .root = &schema});
  by_uri_.emplace(resources_[index].uri, index);
  roots_[&schema] = index;
  return index;
}

Index Identifiers::resource_at(const Node& schema, Index outer) const {
  const auto root = roots_.find(&schema);
  return root == roots_.end() ? outer : root->second;
}

void Identifiers::scan(const Node& schema, Index outer) {
  if (!schema.is(Kind::object) || !scanned_.emplace(&schema, true).second) return;
  const Index resource = resource_of(schema, outer);
  if (is_2020(dialect_)) {
    const std::string_view anchor = schema.string("$anchor");
    if (!anchor.empty()) resources_[resource].anchors.emplace(anchor, &schema);
    const std::string_view dynamic = schema.string("$dynamicAnchor");
    if (!dynamic.empty()) resources_[resource].dynamic_anchors.emplace(dynamic, &schema);
  }
  for_each_subschema(dialect_, schema, [&](const Node& each) { scan(each, resource); });
}

std::optional<Index> Identifiers::named(std::string_view uri) const {
  auto found = by_uri_.find(uri);
  if (found == by_uri_.end() && uri.ends_with('#')) found = by_uri_.find(uri.substr(0, uri.size() - 1));
  if (found == by_uri_.end()) return std::nullopt;
  return found->second;
}

Result<Target> Identifiers::resolve(Index resource, std::string_view reference) {
  const std::string uri = resolve_uri(resources_[resource].uri, reference);
  const auto found = named(without_fragment(uri));
  if (!found) return fail(Cause::unsupported, "'{}' is in another document, which was not given", reference);
  std::string fragment;
  if (!decode_percent(fragment_of(uri), false, fragment)) return fail(Cause::invalid, "'{}' is malformed", reference);
  auto target = fragment.empty() || fragment.starts_with('/') ? at(*found, fragment) : anchored(*found, fragment);
  if (!target) return target;
  scan(*target->node, target->resource);
  target->resource = resource_at(*target->node, target->resource);
  return target;
}

Result<Target> Identifiers::anchored(Index resource, const std::string& name) const {
  const Resource& target = resources_[resource];
  const auto dynamic = target.dynamic_anchors.find(name);
  if (dynamic != target.dynamic_anchors.end()) {
    return Target{dynamic->second, resource, prefix(resource) + name, dynamic->first};
  }
  const auto anchor = target.anchors.find(name);
  if (anchor != target.anchors.end()) return Target{anchor->second, resource, prefix(resource) + name, ""};
  return fail(Cause::invalid, "nothing is called '{}#{}'", target.uri, name);
}

std::string Identifiers::prefix(Index resource) const { return (resource == 0 ? "" : resources_[resource].uri) + "#"; }

Result<Target> Identifiers::at(Index resource, std::string_view pointer) const {
  Target target{resources_[resource].root, resource, prefix(resource).append(pointer), ""};
  std::string token;
  for (std::string_view rest = pointer; !rest.empty();) {
    if (!take_token(rest, token)) return fail(Cause::invalid, "'#{}' is no JSON pointer", pointer);
    const Node* next = target.node->find(token);
    if (target.node->is(Kind::array)) {
      std::size_t place = 0;
      const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), place);
      const bool natural = error == std::errc() && end == token.data() + token.size();
      if (natural && place < target.node->items.size()) next = &target.node->items[place];
    }
    if (!next) return fail(Cause::invalid, "nothing is at '#{}'", pointer);
    target.node = next;
    target.resource = resource_at(*next, target.resource);
  }
  return target;
}

}  // namespace bulkhead::contracts
