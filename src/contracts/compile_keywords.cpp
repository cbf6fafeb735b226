// One function for each family of keywords.

#include <algorithm>
#include <charconv>

#include "contracts/compiler.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::string_view kDraft4 = "http://json-schema.org/draft-04/schema";
constexpr std::string_view kDraft2020 = "https://json-schema.org/draft/2020-12/schema";
constexpr std::string_view kOpenApi31 = "https://spec.openapis.org/oas/3.1/dialect/base";

std::uint8_t type_bits(std::string_view name, Dialect dialect) {
  if (name == "string") return kString;
  if (name == "integer") return kInteger;
  if (name == "number") return kInteger | kFraction;
  if (name == "boolean") return kBoolean;
  if (name == "array") return kArray;
  if (name == "object") return kObject;
  if (name == "null" && dialect != Dialect::openapi30) return kNull;
  return 0;
}

bool is_known_dialect(std::string_view uri, Dialect dialect) {
  if (uri.ends_with('#')) uri.remove_suffix(1);
  if (dialect == Dialect::draft4) return uri == kDraft4;
  return uri == kDraft2020 || (dialect == Dialect::openapi31 && uri == kOpenApi31);
}

}  // namespace

Result<> Compiler::apply_value(Work& work, Keyword keyword, const Named& member) {
  if (keyword == Keyword::type) return apply_type(work, member);
  if (keyword == Keyword::constant) {
    work.shape.constant = add_literal(member.value);
    return {};
  }
  if (keyword == Keyword::schema_uri) {
    if (!member.value.is(Kind::string) || !is_known_dialect(member.value.text, dialect_)) {
      return not_supported(work, member, "another dialect of JSON Schema");
    }
    return {};
  }
  if (keyword == Keyword::enumeration) {
    if (!member.value.is(Kind::array)) return refuse(work, member.mark, Cause::invalid, "'enum' is a list");
    work.shape.has_enumeration = true;
    work.shape.enumeration.begin = static_cast<Index>(program_->literals_of.size());
    for (const Node& value : member.value.items) program_->literals_of.push_back(add_literal(value));
    work.shape.enumeration.end = static_cast<Index>(program_->literals_of.size());
    return {};
  }
  auto flag = boolean(work, member);
  if (!flag) return fail(flag.error());
  if (keyword == Keyword::nullable && *flag && work.node.find("type")) work.shape.types |= kNull;
  if (keyword == Keyword::read_only) work.shape.read_only = *flag;
  if (keyword == Keyword::write_only) work.shape.write_only = *flag;
  return {};
}

Result<> Compiler::apply_type(Work& work, const Named& member) {
  const Node& value = member.value;
  std::uint8_t types = 0;
  const auto add_type = [&](const Node& name) {
    const std::uint8_t bits = name.is(Kind::string) ? type_bits(name.text, dialect_) : 0;
    types |= bits;
    return bits != 0;
  };
  const bool several = value.is(Kind::array) && dialect_ != Dialect::openapi30 && !value.items.empty();
  const bool right = several ? std::ranges::all_of(value.items, add_type) : add_type(value);
  if (!right) return refuse(work, member.mark, Cause::invalid, "'type' names no type of this dialect");
  work.shape.types = types;
  if (dialect_ == Dialect::openapi30 && work.node.flag("nullable")) work.shape.types |= kNull;
  return {};
}

Result<> Compiler::apply_number(Work& work, Keyword keyword, const Named& member) {
  const bool exclusive = keyword == Keyword::exclusive_maximum || keyword == Keyword::exclusive_minimum;
  if (exclusive && !is_2020(dialect_)) return apply_exclusive(work, keyword, member);
  auto value = constant(work, member);
  if (!value) return fail(value.error());
  work.has_numbers = true;
  NumberRules& rules = work.numbers;
  switch (keyword) {
    case Keyword::maximum:
      (!is_2020(dialect_) && work.node.flag("exclusiveMaximum") ? rules.below : rules.maximum) = *value;
      return {};
    case Keyword::minimum:
      (!is_2020(dialect_) && work.node.flag("exclusiveMinimum") ? rules.above : rules.minimum) = *value;
      return {};
    case Keyword::exclusive_maximum: rules.below = *value; return {};
    case Keyword::exclusive_minimum: rules.above = *value; return {};
    default: break;
  }
  const bool positive = !value->decimal.is_zero() && !value->decimal.negative();
  if (!positive) return refuse(work, member.mark, Cause::invalid, "'multipleOf' is a number above 0");
  if (value->decimal.digits() > kMostStepDigits) return not_supported(work, member, "more than 18 digits");
  rules.step = *value;
  return {};
}

// Before draft 6 these are flags of maximum and minimum.
Result<> Compiler::apply_exclusive(Work& work, Keyword keyword, const Named& member) {
  auto flag = boolean(work, member);
  if (!flag) return fail(flag.error());
  const std::string_view bound = keyword == Keyword::exclusive_maximum ? "maximum" : "minimum";
  if (*flag && !work.node.find(bound)) {
    return refuse(work, member.mark, Cause::invalid, "'{}' without '{}'", member.name, bound);
  }
  return {};
}

Result<> Compiler::apply_string(Work& work, Keyword keyword, const Named& member) {
  if (keyword == Keyword::format) return apply_format(work, member);
  if (keyword == Keyword::pattern) {
    if (!member.value.is(Kind::string)) return refuse(work, member.mark, Cause::invalid, "'pattern' is a string");
    auto compiled = pattern(work, member, member.value.text);
    if (!compiled) return fail(compiled.error());
    work.has_strings = true;
    work.strings.pattern = *compiled;
    return {};
  }
  auto size = length(work, member);
  if (!size) return fail(size.error());
  work.has_strings = true;
  (keyword == Keyword::max_length ? work.strings.max_length : work.strings.min_length) = *size;
  return {};
}

Result<> Compiler::apply_format(Work& work, const Named& member) {
  if (!is_openapi(dialect_)) return {};  // an annotation
  if (!member.value.is(Kind::string)) return refuse(work, member.mark, Cause::invalid, "'format' is a string");
  const auto format = format_named(member.value.text);
  if (!format) return note(work, "format", fmt::format("'{}' is not enforced", member.value.text)), Result<>();
  if (is_number_format(*format)) {
    work.has_numbers = true;
    work.numbers.format = *format;
  } else {
    work.has_strings = true;
    work.strings.format = *format;
  }
  return {};
}

Result<> Compiler::apply_array(Work& work, Keyword keyword, const Named& member) {
  ArrayRules& rules = work.arrays;
  work.has_arrays = true;
  switch (keyword) {
    case Keyword::items: return apply_items(work, member);
    case Keyword::additional_items: return {};  // by apply_items
    case Keyword::contains: rules.contains = child(work, member.name, member.value); return {};
    case Keyword::unevaluated_items:
      rules.unevaluated = child(work, member.name, member.value);
      work.shape.unevaluated = true;
      return {};
    case Keyword::prefix_items: {
      auto shapes = list(work, member);
      if (!shapes) return fail(shapes.error());
      rules.prefix = *shapes;
      return {};
    }
    case Keyword::unique_items: {
      auto flag = boolean(work, member);
      if (!flag) return fail(flag.error());
      rules.unique = *flag;
      return {};
    }
    default: break;
  }
  auto size = length(work, member);
  if (!size) return fail(size.error());
  if (keyword == Keyword::max_items) rules.max_items = *size;
  if (keyword == Keyword::min_items) rules.min_items = *size;
  if (keyword == Keyword::max_contains) rules.max_contains = *size;
  if (keyword == Keyword::min_contains) rules.min_contains = *size;
  return {};
}

// In draft 4 a list of schemas is what 2020-12 calls prefixItems, and additionalItems what it calls items.
Result<> Compiler::apply_items(Work& work, const Named& member) {
  if (dialect_ != Dialect::draft4 || !member.value.is(Kind::array)) {
    work.arrays.items = child(work, member.name, member.value);
    return {};
  }
  auto shapes = list(work, member);
  if (!shapes) return fail(shapes.error());
  work.arrays.prefix = *shapes;
  if (const Node* rest = work.node.find("additionalItems")) work.arrays.items = child(work, "additionalItems", *rest);
  return {};
}

Result<> Compiler::apply_object(Work& work, Keyword keyword, const Named& member) {
  ObjectRules& rules = work.objects;
  work.has_objects = true;
  switch (keyword) {
    case Keyword::properties:
    case Keyword::required: return {};  // both by apply_properties
    case Keyword::pattern_properties: return apply_patterns(work, member);
    case Keyword::dependencies:
    case Keyword::dependent_required:
    case Keyword::dependent_schemas: return apply_dependencies(work, keyword, member);
    case Keyword::additional_properties: rules.additional = child(work, member.name, member.value); return {};
    case Keyword::property_names: rules.names = child(work, member.name, member.value); return {};
    case Keyword::unevaluated_properties:
      rules.unevaluated = child(work, member.name, member.value);
      work.shape.unevaluated = true;
      return {};
    default: break;
  }
  auto size = length(work, member);
  if (!size) return fail(size.error());
  (keyword == Keyword::max_properties ? rules.max_members : rules.min_members) = *size;
  return {};
}

Result<> Compiler::apply_properties(Work& work) {
  std::vector<Property> properties;
  if (const Node* declared = work.node.find("properties")) {
    if (!declared->is(Kind::object)) return refuse(work, declared->mark, Cause::invalid, "'properties' is an object");
    for (const Member& each : declared->members) {
      Property property{.name = each.name, .shape = child(work, "properties", each.name, each.value)};
      const Index resource = identifiers_.resource_at(each.value, work.resource);
      property.read_only = is_openapi(dialect_) && is_marked(each.value, resource, "readOnly");
      property.write_only = is_openapi(dialect_) && is_marked(each.value, resource, "writeOnly");
      properties.push_back(std::move(property));
    }
  }
  if (auto added = add_required(work, properties); !added) return added;
  if (!properties.empty()) store_properties(work, std::move(properties));
  return {};
}

Result<> Compiler::add_required(Work& work, std::vector<Property>& properties) {
  const Node* required = work.node.find("required");
  if (!required) return {};
  auto listed = names(work, {"required", *required, required->mark});
  if (!listed) return fail(listed.error());
  for (const std::string& name : *listed) {
    auto found = std::ranges::find(properties, name, &Property::name);
    bool read_only = found != properties.end() && found->read_only;
    bool write_only = found != properties.end() && found->write_only;
    if (found == properties.end()) {
      Index resource = work.resource;
      const Node* elsewhere = is_openapi(dialect_) ? declared(work.node, resource, name) : nullptr;
      read_only = elsewhere && is_marked(*elsewhere, resource, "readOnly");
      write_only = elsewhere && is_marked(*elsewhere, resource, "writeOnly");
      properties.push_back({.name = name});
      found = properties.end() - 1;
    }
    found->required[static_cast<std::size_t>(Direction::any)] = true;
    found->required[static_cast<std::size_t>(Direction::request)] = !read_only;
    found->required[static_cast<std::size_t>(Direction::response)] = !write_only;
  }
  return {};
}

Result<> Compiler::apply_patterns(Work& work, const Named& member) {
  if (!member.value.is(Kind::object))
    return refuse(work, member.mark, Cause::invalid, "'{}' is an object", member.name);
  auto& all = program_->patterns_of;
  work.objects.patterns.begin = static_cast<Index>(all.size());
  for (const Member& each : member.value.members) {
    auto compiled = pattern(work, {member.name, each.value, each.mark}, each.name);
    if (!compiled) return fail(compiled.error());
    all.push_back({*compiled, child(work, member.name, each.name, each.value)});
  }
  work.objects.patterns.end = static_cast<Index>(all.size());
  return {};
}

Result<> Compiler::apply_dependencies(Work& work, Keyword keyword, const Named& member) {
  if (!member.value.is(Kind::object))
    return refuse(work, member.mark, Cause::invalid, "'{}' is an object", member.name);
  // Both keywords may stand there: the later one takes the earlier one's along, so that they are one range.
  auto& all = program_->dependencies;
  Range& range = work.objects.dependencies;
  const std::vector<Dependency> earlier(all.begin() + range.begin, all.begin() + range.end);
  range.begin = static_cast<Index>(all.size());
  all.insert(all.end(), earlier.begin(), earlier.end());
  for (const Member& each : member.value.members) {
    Dependency dependency{.name = each.name};
    const bool lists =
        keyword == Keyword::dependent_required || (keyword == Keyword::dependencies && each.value.is(Kind::array));
    if (lists) {
      auto listed = names(work, {member.name, each.value, each.mark});
      if (!listed) return fail(listed.error());
      dependency.required = std::move(*listed);
    } else {
      dependency.shape = child(work, member.name, each.name, each.value);
    }
    all.push_back(std::move(dependency));
  }
  range.end = static_cast<Index>(all.size());
  return {};
}

Result<> Compiler::apply_logic(Work& work, Keyword keyword, const Named& member) {
  LogicRules& rules = work.logic;
  work.has_logic = true;
  switch (keyword) {
    case Keyword::negated: rules.negated = child(work, member.name, member.value); return {};
    case Keyword::condition: rules.condition = child(work, member.name, member.value); return {};
    case Keyword::then: rules.then = child(work, member.name, member.value); return {};
    case Keyword::otherwise: rules.otherwise = child(work, member.name, member.value); return {};
    case Keyword::reference:
    case Keyword::dynamic_reference: return apply_reference(work, keyword, member);
    default: break;
  }
  auto shapes = list(work, member);
  if (!shapes) return fail(shapes.error());
  if (shapes->empty()) return refuse(work, member.mark, Cause::invalid, "'{}' lists no schema", member.name);
  (keyword == Keyword::all_of ? rules.all_of : keyword == Keyword::any_of ? rules.any_of : rules.one_of) = *shapes;
  return {};
}

Result<> Compiler::apply_reference(Work& work, Keyword keyword, const Named& member) {
  if (!member.value.is(Kind::string)) return refuse(work, member.mark, Cause::invalid, "'{}' is a string", member.name);
  auto target = identifiers_.resolve(work.resource, member.value.text);
  if (!target && target.error().cause == Cause::unsupported) return not_supported(work, member, target.error().message);
  if (!target) return refuse(work, member.mark, target.error().cause, "{}: {}", member.name, target.error().message);
  if (keyword == Keyword::dynamic_reference && is_openapi(dialect_)) return not_supported(work, member, "use '$ref'");
  // A schema has room for one reference.
  Index& reference = work.logic.reference;
  if (reference != kNone) return not_supported(work, member, "'$ref' and '$dynamicRef' in one schema");
  reference = add(*target);
  if (keyword == Keyword::reference || target->dynamic.empty()) return {};
  const auto id = static_cast<Index>(dynamic_names_.size());
  work.logic.dynamic_name = dynamic_names_.emplace(target->dynamic, id).first->second;
  program_->dynamic = true;
  return {};
}

Result<Constant> Compiler::constant(const Work& work, const Named& member) {
  if (!member.value.is(Kind::number)) return refuse(work, member.mark, Cause::invalid, "'{}' is a number", member.name);
  Constant constant{.set = true};
  const std::string& text = program_->texts.emplace_back(member.value.text);
  constant.text = text;
  constant.decimal = Decimal(text);
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, constant.integer);
  constant.small = error == std::errc() && last == end;
  return constant;
}

Result<Index> Compiler::length(const Work& work, const Named& member) {
  const Decimal decimal = member.value.is(Kind::number) ? Decimal(member.value.text) : Decimal("-1");
  if (decimal.negative() || !decimal.is_integer()) {
    return refuse(work, member.mark, Cause::invalid, "'{}' is a whole number from 0 on", member.name);
  }
  if (decimal >= Decimal("4294967295")) return kNone - 1;   // above all that a body can hold
  return static_cast<Index>(std::stod(member.value.text));  // exact below 2^53
}

Result<bool> Compiler::boolean(const Work& work, const Named& member) {
  if (member.value.is(Kind::boolean)) return member.value.truth;
  return refuse(work, member.mark, Cause::invalid, "'{}' is true or false", member.name);
}

Result<std::vector<std::string>> Compiler::names(const Work& work, const Named& member) {
  std::vector<std::string> names;
  for (const Node& each : member.value.items) {
    if (each.is(Kind::string)) names.push_back(each.text);
  }
  if (member.value.is(Kind::array) && names.size() == member.value.items.size()) return names;
  return refuse(work, member.mark, Cause::invalid, "'{}' is a list of names", member.name);
}

Result<Range> Compiler::list(Work& work, const Named& member) {
  if (!member.value.is(Kind::array)) {
    return refuse(work, member.mark, Cause::invalid, "'{}' is a list of schemas", member.name);
  }
  std::vector<Index> shapes;
  for (const Node& each : member.value.items) {
    shapes.push_back(child(work, member.name, fmt::to_string(shapes.size()), each));
  }
  auto& all = program_->shapes_of;
  const auto begin = static_cast<Index>(all.size());
  all.insert(all.end(), shapes.begin(), shapes.end());
  return Range{begin, static_cast<Index>(all.size())};
}

Result<Index> Compiler::pattern(const Work& work, const Named& member, std::string_view expression) {
  const auto known = patterns_.find(expression);
  if (known != patterns_.end()) return known->second;
  auto compiled = Pattern::compile(expression);
  if (!compiled) return not_supported(work, member, compiled.error().message);
  program_->patterns.push_back(std::move(*compiled));
  const auto index = static_cast<Index>(program_->patterns.size() - 1);
  patterns_.emplace(expression, index);
  return index;
}

}  // namespace bulkhead::contracts
