#pragma once

// The standard rules of protovalidate (buf/validate/validate.proto, extension 1159 of descriptor.proto's options) for a
// value: read once from the option's bytes, then held against values. Of this folder; others use protobuf.hpp.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contracts/pattern.hpp"
#include "contracts/wire.hpp"

namespace bulkhead::contracts {

// FieldDescriptorProto.Type, by its numbers.
enum class ProtoType : std::uint8_t {
  float64 = 1,
  float32 = 2,
  int64 = 3,
  uint64 = 4,
  int32 = 5,
  fixed64 = 6,
  fixed32 = 7,
  boolean = 8,
  string = 9,
  group = 10,
  message = 11,
  bytes = 12,
  uint32 = 13,
  enumeration = 14,
  sfixed32 = 15,
  sfixed64 = 16,
  sint32 = 17,
  sint64 = 18,
};
std::string_view to_string(ProtoType type);  // "int32", as .proto has it
WireType wire_type(ProtoType type);
inline bool is_message(ProtoType type) { return type == ProtoType::message || type == ProtoType::group; }

// A scalar: numbers as the 64 bits of an int64, uint64 or double, which the type tells apart.
struct ProtoValue {
  std::uint64_t bits = 0;
  std::string_view text;
};
// The number that a varint or fixed value is; nothing where the type has no such: programs would cut it off.
std::optional<std::uint64_t> scalar_of(ProtoType type, std::uint64_t raw);

enum class RuleKind : std::uint8_t {
  constant,
  within,  // an order, also one turned inside out: above `low` or below `high`
  finite,
  characters,
  octets,
  prefix,
  suffix,
  contains,
  lacks,
  pattern,
  one_of,
  none_of,
  email,
  hostname,
  ip,
  ipv4,
  ipv6,
  uri,
  uuid,
  tuuid,  // a UUID without hyphens
  address,
  sizes,  // of bytes: one of some lengths
};

struct ValueRule {
  RuleKind kind = RuleKind::constant;
  std::string name;  // "string.min_len"
  std::string says;  // of a value that breaks it: "has fewer than 3 characters"
  struct Bound {
    std::uint64_t value = 0;
    bool inclusive = true;
  };
  std::optional<Bound> low, high;
  std::vector<std::uint64_t> numbers;
  std::vector<std::string> texts;
  std::optional<Pattern> expression;
};

// Null where all hold, else the one that does not.
const ValueRule* broken_rule(const std::vector<ValueRule>& rules, ProtoType type, const ProtoValue& value);

// What `buf.validate.field` says of one field.
struct FieldRules {
  bool required = false;
  bool ignored = false;       // IGNORE_ALWAYS
  bool zero_ignored = false;  // IGNORE_IF_ZERO_VALUE
  std::vector<ValueRule> rules;
  std::uint64_t least = 0;  // items or pairs
  std::uint64_t most = UINT64_MAX;
  bool unique = false;
  std::string keys, values, items;  // options of their own
};

// The kind of field that the rules stand at, so that they fit it.
struct RuleSite {
  ProtoType type = ProtoType::int32;
  bool list = false;
  bool map = false;
};

// `option` is all that was written of it, one after the other: so Protocol Buffers merge messages.
// Cause::unsupported names the rule that is not held here: "string.uri_ref".
Result<FieldRules> read_field_rules(std::string_view option, const RuleSite& site);
// A oneof's `required`.
Result<bool> read_oneof_rules(std::string_view option);
// Any rule of a message as a whole is refused by its name.
Result<> check_message_rules(std::string_view option);

}  // namespace bulkhead::contracts
