// Parameters and what points into requests.

#include <algorithm>

#include "base/ascii.hpp"
#include "contracts/reader.hpp"

namespace bulkhead::contracts {

namespace {

std::optional<Where> where_named(std::string_view name) {
  for (const Where where : {Where::path, Where::query, Where::header, Where::cookie}) {
    if (to_string(where) == name) return where;
  }
  return std::nullopt;
}

// OpenAPI gives these to other parts of a contract.
bool is_reserved_header(std::string_view name) {
  return name == "accept" || name == "content-type" || name == "authorization";
}

bool is_same(const Parameter& a, const Parameter& b) { return a.where == b.where && a.name == b.name; }

}  // namespace

Result<> Reader::read_parameters(const Place& list, Operation& operation, bool overrides) {
  if (auto array = expect(list, Kind::array); !array) return array;
  std::vector<Parameter> read;
  for (std::size_t i = 0; i < list.node->items.size(); ++i) {
    Place place{&list.node->items[i], list.pointer};
    append_token(place.pointer, fmt::to_string(i));
    auto followed = follow(place);
    if (!followed) return fail(followed.error());
    auto parameter = read_parameter(*followed);
    if (!parameter) return fail(parameter.error());
    if (parameter->where == Where::header && is_reserved_header(parameter->name)) {
      note(fmt::format("{}: OpenAPI ignores a header parameter of this name", place.pointer));
      continue;
    }
    if (std::ranges::any_of(read, [&](const Parameter& each) { return is_same(each, *parameter); })) {
      return refuse(place, Cause::conflict, "the {} parameter '{}' is there twice", to_string(parameter->where),
                    parameter->name);
    }
    read.push_back(std::move(*parameter));
  }
  for (Parameter& each : read) {
    if (overrides) std::erase_if(operation.parameters, [&](const Parameter& other) { return is_same(other, each); });
    operation.parameters.push_back(std::move(each));
  }
  return {};
}

Result<Parameter> Reader::read_parameter(const Place& place) {
  auto known = allow_only(place, {"name", "in", "description", "required", "deprecated", "allowEmptyValue", "style",
                                  "explode", "allowReserved", "schema", "example", "examples", "content", kSensitive});
  if (!known) return fail(known.error());
  const auto where = where_named(place.node->string("in"));
  if (!where) return refuse(place, Cause::invalid, "'in' is path, query, header or cookie");
  Parameter parameter{.where = *where, .name = std::string(place.node->string("name")), .pointer = place.pointer};
  if (parameter.name.empty()) return refuse(place, Cause::invalid, "a parameter has a name");
  if (parameter.where == Where::header) parameter.name = lower(parameter.name);
  if (const Node* sensitive = place.node->find(kSensitive)) {
    if (!sensitive->is(Kind::boolean)) return refuse(place, Cause::invalid, "'{}' is true or false", kSensitive);
    if (sensitive->truth) model_->sensitive.insert(parameter.name);
  }
  parameter.required = place.node->flag("required");
  parameter.allow_empty = place.node->flag("allowEmptyValue");
  if (parameter.where == Where::path && !parameter.required) {
    return refuse(place, Cause::invalid, "a path parameter has 'required: true'");
  }
  const Place content = place.at("content");
  const Place written = place.at("schema");
  if ((content.node != nullptr) == (written.node != nullptr)) {
    return refuse(place, Cause::invalid, "a parameter has either 'schema' or 'content'");
  }
  if (content.node) {
    auto media = read_content(content, true);
    if (!media) return fail(media.error());
    parameter.kind = Parameter::Kind::json;
    parameter.shape = media->front().shape;
    return parameter;
  }
  auto shape = schema(written);
  if (!shape) return fail(shape.error());
  parameter.shape = *shape;
  if (auto style = read_style(place, parameter); !style) return fail(style.error());
  return parameter;
}

Result<> Reader::read_style(const Place& place, Parameter& parameter) {
  using Style = Parameter::Style;
  const bool formed = parameter.where == Where::query || parameter.where == Where::cookie;
  const Node* style = place.node->find("style");
  const std::string_view name = style ? std::string_view(style->text) : formed ? "form" : "simple";
  const Node* explode = place.node->find("explode");
  parameter.explode = explode ? explode->truth : name == "form";
  if (formed ? name == "form" : name == "simple") {
    parameter.style = formed && parameter.explode ? Style::repeated : Style::separated;
    return {};
  }
  const bool query = parameter.where == Where::query;
  if (query && name == "spaceDelimited") {
    parameter.style = parameter.explode ? Style::repeated : Style::spaces;
  } else if (query && name == "pipeDelimited") {
    parameter.style = parameter.explode ? Style::repeated : Style::pipes;
  } else if (query && name == "deepObject") {
    parameter.style = Style::deep;
  } else {
    return refuse(place, Cause::unsupported, "not supported: style '{}' in {}", name, to_string(parameter.where));
  }
  return {};
}

// What a parameter's text becomes depends on the types that its schema allows.
Result<> Reader::settle_parameter(Parameter& parameter) {
  using Style = Parameter::Style;
  const auto unsupported = [&](std::string_view what) {
    return fail(Cause::unsupported, "{}: not supported: {} at {}", file_, what, parameter.pointer);
  };
  if (parameter.kind == Parameter::Kind::json) return {};
  const std::uint8_t types = types_of(*model_->program, parameter.shape);
  if (types == kAnyType) note(fmt::format("{}: without a type it is read as a string", parameter.pointer));
  const bool list = (types & kArray) != 0 && types != kAnyType;
  const bool object = (types & kObject) != 0 && types != kAnyType;
  const bool scalar = types == kAnyType || (types & ~(kArray | kObject | kNull)) != 0;
  if (list + object + scalar > 1) return unsupported("a parameter that may be a scalar and a list or object");
  if (parameter.where == Where::cookie && (list || object)) return unsupported("a list or object in a cookie");
  if (list) parameter.kind = Parameter::Kind::list;
  if (object) parameter.kind = Parameter::Kind::object;
  if (object && parameter.style == Style::repeated)
    return unsupported("an exploded object in the query (use style: deepObject)");
  const bool delimited = parameter.style == Style::spaces || parameter.style == Style::pipes;
  if ((delimited && !list) || (parameter.style == Style::deep && !object))
    return unsupported("this style for this type");
  if (parameter.allow_empty && parameter.where != Where::query) return unsupported("allowEmptyValue outside the query");
  return {};
}

Result<> Reader::read_resources(const Place& place, Operation& operation) {
  if (!place.node) return {};
  if (auto object = expect(place, Kind::object); !object) return object;
  for (const Member& each : place.node->members) {
    const Place at = place.at(each.name);
    if (auto known = allow_only(at, {"in", "name", "pointer"}); !known) return known;
    const std::string_view in = each.value.string("in");
    const bool body = in == "body";
    const auto where = body ? std::optional(Where::body) : where_named(in);
    if (!where || *where == Where::cookie) return refuse(at, Cause::invalid, "'in' is path, query, header or body");
    const std::string_view from = each.value.string(body ? "pointer" : "name");
    if (from.empty() || each.value.find(body ? "name" : "pointer")) {
      return refuse(at, Cause::invalid, "{}", body ? "a value of the body has 'pointer'" : "a parameter has 'name'");
    }
    operation.resources.push_back({each.name, *where, *where == Where::header ? lower(from) : std::string(from)});
    if (auto settled = settle_resource(operation, operation.resources.back()); !settled)
      return refuse(at, settled.error().cause, "{}", settled.error().message);
  }
  return {};
}

// It has to mean the same at every hop: what the contract checks, and nothing else.
Result<> Reader::settle_resource(const Operation& operation, const ResourceRules& resource) const {
  if (resource.where == Where::body) {
    std::string token;
    for (std::string_view rest = resource.from; !rest.empty();) {
      if (!take_token(rest, token)) return fail(Cause::invalid, "'{}' is no JSON pointer", resource.from);
    }
    const auto& media = operation.body.media;
    const bool checked =
        !operation.body.unchecked && !media.empty() && std::ranges::all_of(media, [](const MediaType& each) {
          return is_json_type(each.range) && each.shape != kNone;
        });
    if (!checked)
      return fail(Cause::unsupported, "not supported: a value of a body that is not always JSON with a schema");
    return {};
  }
  const bool declared = std::ranges::any_of(operation.parameters, [&](const Parameter& each) {
    return each.where == resource.where && each.name == resource.from && each.kind == Parameter::Kind::scalar;
  });
  if (declared) return {};
  return fail(Cause::invalid, "no {} parameter of the operation is called '{}'", to_string(resource.where),
              resource.from);
}

}  // namespace bulkhead::contracts
