#include "contracts/dialect.hpp"

#include <algorithm>
#include <array>

namespace bulkhead::contracts {

namespace {

constexpr std::uint8_t bit(Dialect dialect) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(dialect)); }
constexpr std::uint8_t k4 = bit(Dialect::draft4);
constexpr std::uint8_t k20 = bit(Dialect::draft2020) | bit(Dialect::openapi31);
constexpr std::uint8_t k30 = bit(Dialect::openapi30);
constexpr std::uint8_t k31 = bit(Dialect::openapi31);
constexpr std::uint8_t kAll = k4 | k20 | k30;

// One line for each keyword, the most usual ones first.
constexpr std::array kKeywords{
    KeywordFacts{"type", Keyword::type, Holds::value, kAll},
    KeywordFacts{"properties", Keyword::properties, Holds::map, kAll},
    KeywordFacts{"required", Keyword::required, Holds::value, kAll},
    KeywordFacts{"$ref", Keyword::reference, Holds::value, kAll},
    KeywordFacts{"items", Keyword::items, Holds::schema_or_list, k4},
    KeywordFacts{"items", Keyword::items, Holds::schema, k20 | k30},
    KeywordFacts{"additionalProperties", Keyword::additional_properties, Holds::schema, kAll},
    KeywordFacts{"enum", Keyword::enumeration, Holds::value, kAll},
    KeywordFacts{"const", Keyword::constant, Holds::value, k20},
    KeywordFacts{"format", Keyword::format, Holds::value, kAll},
    KeywordFacts{"pattern", Keyword::pattern, Holds::value, kAll},
    KeywordFacts{"minLength", Keyword::min_length, Holds::value, kAll},
    KeywordFacts{"maxLength", Keyword::max_length, Holds::value, kAll},
    KeywordFacts{"minimum", Keyword::minimum, Holds::value, kAll},
    KeywordFacts{"maximum", Keyword::maximum, Holds::value, kAll},
    KeywordFacts{"exclusiveMinimum", Keyword::exclusive_minimum, Holds::value, kAll},
    KeywordFacts{"exclusiveMaximum", Keyword::exclusive_maximum, Holds::value, kAll},
    KeywordFacts{"multipleOf", Keyword::multiple_of, Holds::value, kAll},
    KeywordFacts{"minItems", Keyword::min_items, Holds::value, kAll},
    KeywordFacts{"maxItems", Keyword::max_items, Holds::value, kAll},
    KeywordFacts{"uniqueItems", Keyword::unique_items, Holds::value, kAll},
    KeywordFacts{"prefixItems", Keyword::prefix_items, Holds::list, k20},
    KeywordFacts{"additionalItems", Keyword::additional_items, Holds::schema, k4},
    KeywordFacts{"contains", Keyword::contains, Holds::schema, k20},
    KeywordFacts{"minContains", Keyword::min_contains, Holds::value, k20},
    KeywordFacts{"maxContains", Keyword::max_contains, Holds::value, k20},
    KeywordFacts{"patternProperties", Keyword::pattern_properties, Holds::map, k4 | k20},
    KeywordFacts{"propertyNames", Keyword::property_names, Holds::schema, k20},
    KeywordFacts{"minProperties", Keyword::min_properties, Holds::value, kAll},
    KeywordFacts{"maxProperties", Keyword::max_properties, Holds::value, kAll},
    KeywordFacts{"dependencies", Keyword::dependencies, Holds::dependencies, k4},
    KeywordFacts{"dependentRequired", Keyword::dependent_required, Holds::value, k20},
    KeywordFacts{"dependentSchemas", Keyword::dependent_schemas, Holds::map, k20},
    KeywordFacts{"allOf", Keyword::all_of, Holds::list, kAll},
    KeywordFacts{"anyOf", Keyword::any_of, Holds::list, kAll},
    KeywordFacts{"oneOf", Keyword::one_of, Holds::list, kAll},
    KeywordFacts{"not", Keyword::negated, Holds::schema, kAll},
    KeywordFacts{"if", Keyword::condition, Holds::schema, k20},
    KeywordFacts{"then", Keyword::then, Holds::schema, k20},
    KeywordFacts{"else", Keyword::otherwise, Holds::schema, k20},
    KeywordFacts{"$dynamicRef", Keyword::dynamic_reference, Holds::value, k20},
    KeywordFacts{"unevaluatedItems", Keyword::unevaluated_items, Holds::schema, k20},
    KeywordFacts{"unevaluatedProperties", Keyword::unevaluated_properties, Holds::schema, k20},
    KeywordFacts{"nullable", Keyword::nullable, Holds::value, k30},
    KeywordFacts{"readOnly", Keyword::read_only, Holds::value, k20 | k30},
    KeywordFacts{"writeOnly", Keyword::write_only, Holds::value, k20 | k30},
    KeywordFacts{"$schema", Keyword::schema_uri, Holds::value, k4 | k20},
    KeywordFacts{"id", Keyword::annotation, Holds::value, k4},
    KeywordFacts{"$id", Keyword::annotation, Holds::value, k20},
    KeywordFacts{"$anchor", Keyword::annotation, Holds::value, k20},
    KeywordFacts{"$dynamicAnchor", Keyword::annotation, Holds::value, k20},
    KeywordFacts{"$defs", Keyword::annotation, Holds::map, k20},
    KeywordFacts{"definitions", Keyword::annotation, Holds::map, k4},
    KeywordFacts{"$comment", Keyword::annotation, Holds::value, k20},
    KeywordFacts{"$vocabulary", Keyword::annotation, Holds::value, k20},
    KeywordFacts{"title", Keyword::annotation, Holds::value, kAll},
    KeywordFacts{"description", Keyword::annotation, Holds::value, kAll},
    KeywordFacts{"default", Keyword::annotation, Holds::value, kAll},
    KeywordFacts{"example", Keyword::annotation, Holds::value, k30 | k31},
    KeywordFacts{"examples", Keyword::annotation, Holds::value, k20},
    KeywordFacts{"deprecated", Keyword::annotation, Holds::value, k20 | k30},
    KeywordFacts{"externalDocs", Keyword::annotation, Holds::value, k30 | k31},
    KeywordFacts{"xml", Keyword::annotation, Holds::value, k30 | k31},
    KeywordFacts{"discriminator", Keyword::unenforced, Holds::value, k30 | k31},
    KeywordFacts{"contentEncoding", Keyword::unenforced, Holds::value, k20},
    KeywordFacts{"contentMediaType", Keyword::unenforced, Holds::value, k20},
    KeywordFacts{"contentSchema", Keyword::unenforced, Holds::schema, k20},
};

void each_value(const Node& node, const std::function<void(const Node&)>& call) {
  for (const Node& item : node.items) call(item);
  for (const Member& member : node.members) call(member.value);
}

}  // namespace

const KeywordFacts* keyword(Dialect dialect, std::string_view name) {
  const auto found = std::ranges::find_if(
      kKeywords, [&](const KeywordFacts& each) { return (each.dialects & bit(dialect)) != 0 && each.name == name; });
  return found == kKeywords.end() ? nullptr : &*found;
}

void for_each_subschema(Dialect dialect, const Node& node, const std::function<void(const Node&)>& call) {
  for (const auto& [name, mark, value] : node.members) {
    const KeywordFacts* facts = keyword(dialect, name);
    if (!facts) continue;
    const bool several = facts->holds == Holds::list || facts->holds == Holds::map ||
                         facts->holds == Holds::dependencies ||
                         (facts->holds == Holds::schema_or_list && value.is(Kind::array));
    if (several) {
      each_value(value, call);
    } else if (facts->holds != Holds::value) {
      call(value);
    }
  }
}

}  // namespace bulkhead::contracts
