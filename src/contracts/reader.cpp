#include "contracts/reader.hpp"

#include <algorithm>
#include <array>

#include "contracts/servers.hpp"
#include "contracts/uri.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::array<std::string_view, 8> kMethods{"get", "put", "post", "delete", "options", "head", "patch", "trace"};
constexpr int kMostReferences = 16;

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return static_cast<char>(c & ~0x20); });
  return out;
}

}  // namespace

Reader::Reader(const Node& root, std::string_view file) : root_(root), file_(file) {}

Reader::Place Reader::Place::at(std::string_view token) const {
  Place place{node->find(token), pointer};
  append_token(place.pointer, token);
  return place;
}

std::unexpected<Fault> Reader::refused(const Place& place, Cause cause, const std::string& what) const {
  return fail(cause, "{}:{}:{}: {} at {}", file_, place.node->mark.line, place.node->mark.column, what, place.pointer);
}

void Reader::note(std::string text) {
  auto& notes = model_->notes;
  if (std::ranges::find(notes, text) == notes.end()) notes.push_back(std::move(text));
}

Result<> Reader::expect(const Place& place, Kind kind) const {
  if (place.node->is(kind)) return {};
  return refuse(place, Cause::invalid, "this is {}, and has to be {}", spoken(place.node->kind), spoken(kind));
}

// What OpenAPI does not know may be a slip of the pen that leaves a door open.
Result<> Reader::allow_only(const Place& place, std::initializer_list<std::string_view> names) const {
  if (auto object = expect(place, Kind::object); !object) return object;
  for (const Member& member : place.node->members) {
    if (std::ranges::find(names, member.name) != names.end()) continue;
    const bool means_nothing = member.name.starts_with("x-") && !member.name.starts_with("x-bulkhead-");
    if (means_nothing && member.name != kSensitive) continue;
    return fail(Cause::unsupported, "{}:{}:{}: not supported: {} at {}", file_, member.mark.line, member.mark.column,
                member.name, place.pointer);
  }
  return {};
}

Result<Reader::Place> Reader::follow(Place place) const {
  for (int i = 0; i < kMostReferences; ++i) {
    const std::string_view reference = place.node->string("$ref");
    if (reference.empty()) return place;
    for (const Member& member : place.node->members) {
      const bool harmless = member.name == "$ref" || member.name == "summary" || member.name == "description" ||
                            (member.name.starts_with("x-") && member.name != kSensitive);
      if (!harmless) return refuse(place, Cause::unsupported, "not supported: '{}' beside $ref", member.name);
    }
    std::string pointer;
    if (!reference.starts_with('#') || !decode_percent(reference.substr(1), false, pointer)) {
      return refuse(place, Cause::unsupported, "not supported: $ref, '{}' is in another document", reference);
    }
    auto target = identifiers_->at(0, pointer);
    if (!target) return refuse(place, Cause::invalid, "$ref: {}", target.error().message);
    place = {target->node, "#" + pointer};
  }
  return refuse(place, Cause::invalid, "references that lead round in a circle");
}

Result<Index> Reader::schema(const Place& place) {
  identifiers_->add_schema(*place.node, 0);
  return compiler_->add({place.node, identifiers_->resource_at(*place.node, 0), place.pointer, ""});
}

Result<Dialect> Reader::dialect() const {
  const Place place{&root_, "#"};
  if (auto object = expect(place, Kind::object); !object) return fail(object.error());
  const Node* version = root_.find("openapi");
  if (!version) return refuse(place, Cause::invalid, "'openapi' is missing: write 'openapi: 3.1.0'");
  if (version->text == "3.0" || version->text.starts_with("3.0.")) return Dialect::openapi30;
  if (version->text == "3.1" || version->text.starts_with("3.1.")) return Dialect::openapi31;
  return refuse(place.at("openapi"), Cause::unsupported, "not supported: OpenAPI {}, only 3.0 and 3.1", version->text);
}

Result<std::shared_ptr<const Model>> Reader::read() {
  const auto dialect_read = dialect();
  if (!dialect_read) return fail(dialect_read.error());
  is_31_ = *dialect_read == Dialect::openapi31;
  identifiers_ = std::make_unique<Identifiers>(*dialect_read);
  identifiers_->add("", root_, false);
  compiler_ = std::make_unique<Compiler>(*dialect_read, *identifiers_, file_);
  if (auto done = read_root(); !done) return fail(done.error());
  auto program = compiler_->finish();
  if (!program) return fail(program.error());
  model_->program = std::move(*program);
  for (const std::string& each : compiler_->notes()) note(each);
  if (auto settled = settle(); !settled) return fail(settled.error());
  return std::shared_ptr<const Model>(model_);
}

Result<> Reader::read_root() {
  const Place root{&root_, "#"};
  auto known = allow_only(root, {"openapi", "info", "servers", "paths", "components", "security", "tags",
                                 "externalDocs", "webhooks", "jsonSchemaDialect"});
  if (!known) return known;
  if (const Node* dialect = root_.find("jsonSchemaDialect"); dialect && is_31_) {
    const bool ours = dialect->text == "https://spec.openapis.org/oas/3.1/dialect/base" ||
                      dialect->text == "https://json-schema.org/draft/2020-12/schema";
    if (!ours) return refuse(root.at("jsonSchemaDialect"), Cause::unsupported, "not supported: jsonSchemaDialect");
  }
  if (root_.find("webhooks")) note("webhooks: what this service calls is declared in the manifest");
  if (root_.find("security")) note("security: who may call is decided by the manifest");
  if (const Node* info = root_.find("info")) {
    model_->title = info->string("title");
    model_->version = info->string("version");
  }
  auto bases = bases_of(root_);
  if (!bases) return refuse(root.at("servers"), bases.error().cause, "{}", bases.error().message);
  model_->bases = std::move(*bases);
  if (auto components = read_components(); !components) return components;
  const Place paths = root.at("paths");
  if (!paths.node) return {};
  if (auto object = expect(paths, Kind::object); !object) return object;
  for (const Member& each : paths.node->members) {
    if (each.name.starts_with("x-")) continue;
    if (auto read = read_path(each.name, paths.at(each.name)); !read) return read;
  }
  return {};
}

// Schemas that nothing refers to are compiled too: a mistake in them is found, and their identifiers are known.
Result<> Reader::read_components() {
  const Place place{root_.find("components"), "#/components"};
  if (!place.node) return {};
  auto known = allow_only(place, {"schemas", "responses", "parameters", "examples", "requestBodies", "headers",
                                  "securitySchemes", "links", "callbacks", "pathItems"});
  if (!known) return known;
  const Place schemas = place.at("schemas");
  if (!schemas.node) return {};
  if (auto object = expect(schemas, Kind::object); !object) return object;
  for (const Member& each : schemas.node->members) identifiers_->add_schema(each.value, 0);
  for (const Member& each : schemas.node->members) {
    if (auto added = schema(schemas.at(each.name)); !added) return fail(added.error());
  }
  return {};
}

Result<> Reader::read_path(const std::string& path, const Place& written) {
  auto item = follow(written);
  if (!item) return fail(item.error());
  auto known = allow_only(*item, {"summary", "description", "get", "put", "post", "delete", "options", "head", "patch",
                                  "trace", "parameters"});
  if (!known) return known;
  const auto index = static_cast<Index>(model_->items.size());
  if (auto added = model_->paths.add(path, index); !added)
    return refuse(written, added.error().cause, "{}", added.error().message);
  model_->items.push_back({path, {}});
  for (const std::string_view method : kMethods) {
    const Place operation = item->at(method);
    if (!operation.node) continue;
    model_->items[index].operations.push_back(static_cast<Index>(model_->operations.size()));
    if (auto read = read_operation(path, upper(method), *item, operation); !read) return read;
  }
  return {};
}

Result<> Reader::read_operation(const std::string& path, const std::string& method, const Place& item,
                                const Place& place) {
  auto known =
      allow_only(place, {"tags", "summary", "description", "externalDocs", "operationId", "parameters", "requestBody",
                         "responses", "callbacks", "deprecated", "security", "x-bulkhead-resource"});
  if (!known) return known;
  Operation operation{.method = method, .path = path, .pointer = place.pointer};
  operation.id = place.node->string("operationId");
  if (operation.id.empty()) operation.id = method + " " + path;
  if (place.node->find("callbacks"))
    note(fmt::format("callbacks at {}: what this service calls is declared in the manifest", place.pointer));
  for (const auto& [list, overrides] :
       {std::pair{item.at("parameters"), false}, std::pair{place.at("parameters"), true}}) {
    if (!list.node) continue;
    if (auto read = read_parameters(list, operation, overrides); !read) return read;
  }
  const auto segments = parse_path_template(path);
  if (!segments) return refuse(place, segments.error().cause, "{}", segments.error().message);
  if (auto templates = check_templates(place, *segments, operation); !templates) return templates;
  if (const Place body = place.at("requestBody"); body.node) {
    if (auto read = read_body(body, operation.body); !read) return read;
  }
  operation.body.unchecked = operation.body.unchecked || place.node->flag("x-unchecked-body");
  if (auto read = read_responses(place.at("responses"), operation); !read) return read;
  if (auto read = read_security(place, operation); !read) return read;
  if (auto read = read_resources(place.at("x-bulkhead-resource"), operation); !read) return read;
  model_->operations.push_back(std::move(operation));
  return {};
}

Result<> Reader::check_templates(const Place& operation, const std::vector<Segment>& segments, Operation& into) const {
  for (const Segment& segment : segments) {
    if (segment.is_template) into.templates.push_back(segment.text);
  }
  for (const std::string& name : into.templates) {
    const bool declared = std::ranges::any_of(
        into.parameters, [&](const Parameter& each) { return each.where == Where::path && each.name == name; });
    if (!declared)
      return refuse(operation, Cause::invalid, "the path has '{{{}}}', and no path parameter is called so", name);
  }
  for (const Parameter& each : into.parameters) {
    if (each.where != Where::path || std::ranges::find(into.templates, each.name) != into.templates.end()) continue;
    return refuse(operation, Cause::invalid, "the path parameter '{}' is not in the path", each.name);
  }
  return {};
}

// API keys in the query are declared by their security scheme, not as parameters.
Result<> Reader::read_security(const Place& place, Operation& operation) {
  const Node* own = place.node->find("security");
  if (own) note("security: who may call is decided by the manifest");
  const Node* security = own ? own : root_.find("security");
  const Node* components = root_.find("components");
  const Node* schemes = components ? components->find("securitySchemes") : nullptr;
  if (!security || !schemes) return {};
  for (const Node& alternative : security->items) {
    for (const Member& each : alternative.members) {
      const Node* scheme = schemes->find(each.name);
      if (!scheme) return refuse(place, Cause::invalid, "the security scheme '{}' is not declared", each.name);
      auto followed = follow({scheme, "#/components/securitySchemes"});
      if (!followed) return fail(followed.error());
      if (followed->node->string("type") == "apiKey" && followed->node->string("in") == "query") {
        operation.key_names.emplace(followed->node->string("name"));
      }
    }
  }
  return {};
}

}  // namespace bulkhead::contracts
