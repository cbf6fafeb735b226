#include "contracts/merge.hpp"

#include <algorithm>

#include "contracts/servers.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::string_view kComponents = "#/components/";

Node text(std::string value) { return {.kind = Kind::string, .text = std::move(value)}; }

Node& member(Node& object, const std::string& name) {
  for (Member& each : object.members) {
    if (each.name == name) return each.value;
  }
  return object.members.emplace_back(name, Mark{}, Node{.kind = Kind::object}).value;
}

// "#/components/schemas/Item/properties/x" with the service's name in front of the component's.
std::string renamed(std::string_view reference, const std::string& service) {
  if (!reference.starts_with(kComponents)) return std::string(reference);
  const std::size_t name = reference.find('/', kComponents.size());
  if (name == std::string_view::npos) return std::string(reference);
  return fmt::format("{}{}.{}", reference.substr(0, name + 1), service, reference.substr(name + 1));
}

// Within what is data, `$ref` is a name like any other.
bool is_data(std::string_view name) {
  return name == "example" || name == "examples" || name == "default" || name == "enum" || name == "const";
}

void rename_references(Node& node, const std::string& service) {
  for (Node& each : node.items) rename_references(each, service);
  for (Member& each : node.members) {
    if (is_data(each.name)) continue;
    if (each.name == "$ref" && each.value.is(Kind::string)) each.value.text = renamed(each.value.text, service);
    if (each.name == "mapping") {
      for (Member& target : each.value.members) target.value.text = renamed(target.value.text, service);
    }
    rename_references(each.value, service);
  }
}

void rename_security(Node& requirements, const std::string& service) {
  for (Node& alternative : requirements.items) {
    for (Member& each : alternative.members) each.name = service + "." + each.name;
  }
}

bool is_operation(std::string_view name) {
  return name != "parameters" && name != "summary" && name != "description" && !name.starts_with("x-");
}

class Merger {
 public:
  explicit Merger(const std::string& title) {
    root_.kind = Kind::object;
    root_.members.emplace_back("openapi", Mark{}, text(""));
    Node& info = member(root_, "info");
    info.members.emplace_back("title", Mark{}, text(title));
    info.members.emplace_back("version", Mark{}, text("0"));
    member(root_, "paths");
  }

  Result<> add(const Part& part) {
    const std::string_view version = part.document->string("openapi").substr(0, 3);
    Node& known = member(root_, "openapi");
    if (!known.text.empty() && !known.text.starts_with(version)) {
      return fail(Cause::unsupported, "not supported: contracts of OpenAPI 3.0 and 3.1 in one document ({} is {})",
                  part.service, version);
    }
    if (known.text.empty()) known.text = std::string(version) + (version == "3.0" ? ".3" : ".0");
    if (auto added = add_paths(part); !added) return added;
    add_components(part);
    return {};
  }

  std::string text_of() const {
    std::string out;
    append_json(out, root_);
    return out;
  }

 private:
  Result<> add_paths(const Part& part) {
    const Node* paths = part.document->find("paths");
    if (!paths) return {};
    const auto bases = bases_of(*part.document);
    if (!bases) return fail(within(part.service, bases.error()));
    for (const Member& each : paths->members) {
      if (each.name.starts_with("x-")) continue;
      const auto outside = part.outside(bases->front() + each.name);
      if (!outside) continue;
      if (auto added = add_item(part, *outside, each.value); !added) return added;
    }
    return {};
  }

  // Several services may answer one path with different methods.
  Result<> add_item(const Part& part, const std::string& path, Node item) {
    rename_references(item, part.service);
    const Node* security = part.document->find("security");
    Node& into = member(member(root_, "paths"), path);
    for (Member& each : item.members) {
      if (into.find(each.name) && each.name != "summary" && each.name != "description") {
        return fail(Cause::conflict, "{}: another service has {} of {} too", part.service, each.name, path);
      }
      if (is_operation(each.name)) finish_operation(part, each.value, security);
      into.members.push_back(std::move(each));
    }
    return {};
  }

  static void finish_operation(const Part& part, Node& operation, const Node* security) {
    if (!operation.is(Kind::object)) return;
    if (security && !operation.find("security")) operation.members.emplace_back("security", Mark{}, *security);
    for (Member& each : operation.members) {
      if (each.name == "operationId") each.value.text = part.service + "." + each.value.text;
      if (each.name == "security") rename_security(each.value, part.service);
    }
    if (!operation.find("tags")) {
      operation.members.emplace_back("tags", Mark{}, Node{.kind = Kind::array, .items = {text(part.service)}});
    }
  }

  void add_components(const Part& part) {
    const Node* components = part.document->find("components");
    if (!components) return;
    for (const Member& kind : components->members) {
      if (kind.name.starts_with("x-")) continue;
      Node& into = member(member(root_, "components"), kind.name);
      for (const Member& each : kind.value.members) {
        Node copy = each.value;
        rename_references(copy, part.service);
        into.members.emplace_back(part.service + "." + each.name, Mark{}, std::move(copy));
      }
    }
  }

  Node root_;
};

}  // namespace

Result<std::string> merge(const std::string& title, const std::vector<Part>& parts) {
  Merger merger(title);
  for (const Part& part : parts) {
    if (auto added = merger.add(part); !added) return fail(added.error());
  }
  return merger.text_of();
}

}  // namespace bulkhead::contracts
