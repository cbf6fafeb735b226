#pragma once

// What a schema is compiled to: flat tables that refer to each other by index. Immutable after the compile; read from
// any thread. Of this folder.

#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/decimal.hpp"
#include "contracts/formats.hpp"
#include "contracts/json.hpp"
#include "contracts/pattern.hpp"

namespace bulkhead::contracts {

using Index = std::uint32_t;
inline constexpr Index kNone = std::numeric_limits<Index>::max();

// A part of one of the program's lists.
struct Range {
  Index begin = 0;
  Index end = 0;
  bool empty() const { return begin == end; }
  Index size() const { return end - begin; }
};

// Whom the value is for: a request holds no member that is readOnly, a response none that is writeOnly.
enum class Direction : std::uint8_t { any, request, response };
inline constexpr std::size_t kDirections = 3;

// Bits of Shape::types. A whole number is also a number: the schema's "number" is both bits.
enum Type : std::uint8_t {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAnyType = 127,
};

// A number of the schema.
struct Constant {
  std::string_view text;  // one of the program's
  bool set = false;
  bool small = false;  // `integer` is it
  std::int64_t integer = 0;
  Decimal decimal;
};

struct NumberRules {
  Constant minimum;
  Constant maximum;
  Constant above;  // exclusive
  Constant below;
  Constant step;
  Format format = Format::none;
};

struct StringRules {
  Index min_length = 0;
  Index max_length = kNone;
  Index pattern = kNone;
  Format format = Format::none;
};

struct ArrayRules {
  Index min_items = 0;
  Index max_items = kNone;
  bool unique = false;
  Range prefix;         // of `shapes_of`
  Index items = kNone;  // of those behind the prefix
  Index contains = kNone;
  Index min_contains = 1;
  Index max_contains = kNone;
  Index unevaluated = kNone;
};

// A member that the schema names, declared or required or both.
struct Property {
  std::string name;
  std::uint32_t hash = 0;
  Index shape = kNone;
  bool read_only = false;
  bool write_only = false;
  bool required[kDirections] = {false, false, false};
};

struct PatternProperty {
  Index pattern = kNone;
  Index shape = kNone;
};

// What the presence of a member asks for.
struct Dependency {
  std::string name;
  std::vector<std::string> required;
  Index shape = kNone;
};

struct ObjectRules {
  Range properties;
  Index slots = 0;      // where its part of `slots` begins
  Index slot_mask = 0;  // its size less one, a power of two less one
  Index required[kDirections] = {0, 0, 0};
  Index min_members = 0;
  Index max_members = kNone;
  Range patterns;
  Range dependencies;
  Index additional = kNone;
  Index names = kNone;
  Index unevaluated = kNone;
};

struct LogicRules {
  Range all_of;  // of `shapes_of`, as the next two
  Range any_of;
  Range one_of;
  Index negated = kNone;
  Index condition = kNone;
  Index then = kNone;
  Index otherwise = kNone;
  Index reference = kNone;
  Index dynamic_name = kNone;  // the reference goes to the outermost resource that has this dynamic anchor
};

// One compiled schema.
struct Shape {
  std::uint8_t types = kAnyType;
  bool never = false;  // the schema `false`
  bool simple = true;  // nothing but types
  bool scalar = true;  // nothing but types and rules for numbers and strings
  bool read_only = false;
  bool write_only = false;
  bool sensitive = false;  // x-sensitive, itself or what it applies to the same value
  bool unevaluated = false;
  Range enumeration;  // of `literals_of`
  bool has_enumeration = false;
  Index constant = kNone;  // a value of `literals`
  Index number = kNone;
  Index string = kNone;
  Index array = kNone;
  Index object = kNone;
  Index logic = kNone;
  Index resource = 0;  // the schema resource that it stands in
  Index pointer = 0;   // of `pointers`: where it stands
};

struct DynamicAnchor {
  Index resource = 0;
  Index name = 0;
  Index shape = 0;
};

struct Program {
  std::vector<Shape> shapes;
  std::vector<Index> shapes_of;
  std::vector<NumberRules> numbers;
  std::vector<StringRules> strings;
  std::vector<ArrayRules> arrays;
  std::vector<ObjectRules> objects;
  std::vector<LogicRules> logic;
  std::vector<Property> properties;
  std::vector<Index> slots;  // indices of properties by hash, kNone where empty
  std::vector<PatternProperty> patterns_of;
  std::vector<Dependency> dependencies;
  std::vector<Index> literals_of;
  std::vector<Pattern> patterns;
  std::vector<DynamicAnchor> dynamic_anchors;
  std::vector<std::string> pointers;
  std::deque<std::string> texts;  // what constants view
  std::string literal_text;       // what `literals` views; kept by a program that does not move
  Json literals;
  bool tracks = false;   // some schema asks what the others have evaluated
  bool dynamic = false;  // some reference is dynamic

  // The property of that name, or kNone. `hash` is hash_text of it.
  Index find(const ObjectRules& rules, std::string_view name, std::uint32_t hash) const {
    if (rules.properties.empty()) return kNone;
    for (Index slot = hash & rules.slot_mask;; slot = (slot + 1) & rules.slot_mask) {
      const Index at = slots[rules.slots + slot];
      if (at == kNone) return kNone;
      if (properties[at].hash == hash && same_text(properties[at].name, name)) return at;
    }
  }
};

// What `shape` applies to the same value, whether it would have to hold or not; appended.
void in_place(const Program& program, const Shape& shape, std::vector<Index>& out);
// What it applies to items, members and their names; appended.
void of_parts(const Program& program, const Shape& shape, std::vector<Index>& out);

}  // namespace bulkhead::contracts
