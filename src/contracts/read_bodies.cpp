// Bodies of requests and responses.

#include <algorithm>

#include "base/ascii.hpp"
#include "contracts/reader.hpp"
#include "contracts/sensitive.hpp"

namespace bulkhead::contracts {

Result<> Reader::read_body(const Place& written, BodyRules& body) {
  auto place = follow(written);
  if (!place) return fail(place.error());
  if (auto known = allow_only(*place, {"description", "content", "required"}); !known) return known;
  body.declared = true;
  body.required = place->node->flag("required");
  body.unchecked = place->node->flag("x-unchecked-body");
  body.pointer = place->pointer;
  const Place content = place->at("content");
  if (!content.node) return refuse(*place, Cause::invalid, "a request body has 'content'");
  auto media = read_content(content, false);
  if (!media) return fail(media.error());
  body.media = std::move(*media);
  if (body.unchecked)
    note(fmt::format("x-unchecked-body at {}: the body is neither checked nor limited", body.pointer));
  return {};
}

Result<std::vector<MediaType>> Reader::read_content(const Place& content, bool in_parameter) {
  if (auto object = expect(content, Kind::object); !object) return fail(object.error());
  std::vector<MediaType> all;
  for (const Member& each : content.node->members) {
    const Place place = content.at(each.name);
    auto known = allow_only(place, {"schema", "example", "examples", "encoding"});
    if (!known) return fail(known.error());
    MediaType media;
    std::string charset;
    if (!media_type(each.name, media.range, charset)) {
      return refuse(place, Cause::invalid, "'{}' is no media type", each.name);
    }
    const Place written = place.at("schema");
    if (written.node) {
      auto shape = schema(written);
      if (!shape) return fail(shape.error());
      media.shape = *shape;
    }
    const bool json = is_json_type(media.range);
    if (written.node && !json) note(fmt::format("{}: only JSON is checked against its schema", place.pointer));
    if (json && !written.node) note(fmt::format("{}: without a schema every JSON text is right", place.pointer));
    if (in_parameter && !(json && written.node)) {
      return refuse(place, Cause::unsupported, "not supported: a parameter's content other than JSON with a schema");
    }
    if (std::ranges::find(all, media.range, &MediaType::range) != all.end()) {
      return refuse(place, Cause::conflict, "'{}' is there twice", media.range);
    }
    all.push_back(std::move(media));
  }
  if (in_parameter && all.size() != 1)
    return refuse(content, Cause::invalid, "a parameter's 'content' has one media type");
  return all;
}

namespace {

// By what stands in these a request is found again.
bool is_recorded(std::string_view header) {
  constexpr std::string_view kRecorded[] = {"x-request-id", "traceparent", "b3", "x-b3-traceid", "x-b3-spanid"};
  return std::ranges::find(kRecorded, header) != std::end(kRecorded);
}

// "200", "2XX" or "default".
bool read_status(std::string_view text, ResponseRules& rules) {
  if (text == "default") {
    rules.highest = 999;
    return true;
  }
  if (text.size() != 3 || text[0] < '1' || text[0] > '5') return false;
  const int hundreds = (text[0] - '0') * 100;
  if (text.substr(1) == "XX") {
    rules.lowest = hundreds;
    rules.highest = hundreds + 99;
    return true;
  }
  if (!is_digit(text[1]) || !is_digit(text[2])) return false;
  rules.lowest = rules.highest = hundreds + (text[1] - '0') * 10 + (text[2] - '0');
  return true;
}

}  // namespace

Result<> Reader::read_responses(const Place& place, Operation& operation) {
  if (!place.node) return {};
  if (auto object = expect(place, Kind::object); !object) return object;
  for (const Member& each : place.node->members) {
    if (each.name.starts_with("x-")) continue;
    ResponseRules rules;
    if (!read_status(each.name, rules)) {
      return refuse(place.at(each.name), Cause::invalid, "'{}' is no status: write 200, 2XX or default", each.name);
    }
    auto response = follow(place.at(each.name));
    if (!response) return fail(response.error());
    if (auto known = allow_only(*response, {"description", "headers", "content", "links", "summary"}); !known)
      return known;
    if (response->node->find("headers")) note(fmt::format("headers at {}: not enforced", response->pointer));
    rules.pointer = response->pointer;
    if (const Place content = response->at("content"); content.node) {
      auto media = read_content(content, false);
      if (!media) return fail(media.error());
      rules.media = std::move(*media);
    }
    operation.responses.push_back(std::move(rules));
  }
  std::ranges::sort(operation.responses, {}, [](const ResponseRules& each) { return each.highest - each.lowest; });
  return {};
}

Result<> Reader::settle() {
  for (Operation& operation : model_->operations) {
    for (Parameter& parameter : operation.parameters) {
      if (auto settled = settle_parameter(parameter); !settled) return settled;
    }
  }
  return settle_sensitive();
}

Result<> Reader::settle_sensitive() {
  const Program& program = *model_->program;
  auto& names = model_->sensitive;
  for (const Property& property : program.properties) {
    if (property.shape != kNone && program.shapes[property.shape].sensitive) names.insert(property.name);
  }
  const auto is_hidden = [&](const Parameter& each) {
    return names.contains(each.name) || has_sensitive(program, each.shape);
  };
  for (const Operation& operation : model_->operations) {
    for (const Parameter& each : operation.parameters) {
      // Of a path a segment is hidden whole or not at all.
      const bool whole = each.where == Where::path ? is_hidden(each) : program.shapes[each.shape].sensitive;
      if (whole) names.insert(each.name);
      if (each.where == Where::header && names.contains(each.name) && is_recorded(each.name)) {
        return fail(Cause::unsupported, "{}: not supported: x-sensitive at {}: records name a request by its '{}'",
                    file_, each.pointer, each.name);
      }
    }
  }
  for (Operation& operation : model_->operations) {
    operation.hides_query_names = std::ranges::any_of(operation.parameters, [&](const Parameter& each) {
      return (each.where == Where::path || each.where == Where::query) && is_hidden(each);
    });
  }
  return {};
}

}  // namespace bulkhead::contracts
