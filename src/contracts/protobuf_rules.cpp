// protovalidate's options into rules. What they say and nothing here holds is refused by its name. Numbers are those of
// buf/validate/validate.proto.

#include "contracts/protobuf_rules.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include <fmt/ranges.h>

namespace bulkhead::contracts {

namespace {

// A group of rules in FieldRules' oneof.
struct RuleGroup {
  std::uint32_t number;
  std::string_view name;
  ProtoType type;
};
constexpr std::array kRuleGroups{
    RuleGroup{1, "float", ProtoType::float32},      RuleGroup{2, "double", ProtoType::float64},
    RuleGroup{3, "int32", ProtoType::int32},        RuleGroup{4, "int64", ProtoType::int64},
    RuleGroup{5, "uint32", ProtoType::uint32},      RuleGroup{6, "uint64", ProtoType::uint64},
    RuleGroup{7, "sint32", ProtoType::sint32},      RuleGroup{8, "sint64", ProtoType::sint64},
    RuleGroup{9, "fixed32", ProtoType::fixed32},    RuleGroup{10, "fixed64", ProtoType::fixed64},
    RuleGroup{11, "sfixed32", ProtoType::sfixed32}, RuleGroup{12, "sfixed64", ProtoType::sfixed64},
    RuleGroup{13, "bool", ProtoType::boolean},      RuleGroup{14, "string", ProtoType::string},
    RuleGroup{15, "bytes", ProtoType::bytes},       RuleGroup{16, "enum", ProtoType::enumeration},
};
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 9> kRulesLeftOut{{{20, "any"},
                                                                                   {21, "duration"},
                                                                                   {22, "timestamp"},
                                                                                   {23, "cel"},
                                                                                   {24, "skipped"},
                                                                                   {26, "ignore_empty"},
                                                                                   {28, "field_mask"},
                                                                                   {29, "cel_expression"},
                                                                                   {17, "message"}}};

std::unexpected<Fault> not_held(std::string_view name) {
  return fail(Cause::unsupported, "the rule {} is not held here", name);
}

std::unexpected<Fault> cut_short() { return fail(Cause::invalid, "the options of its rules can not be read"); }

// The numbers of a repeated scalar, packed or not.
bool append_numbers(const WireField& field, ProtoType type, std::vector<std::uint64_t>& into) {
  const auto take = [&](std::uint64_t raw) {
    const auto number = scalar_of(type, raw);
    if (number) into.push_back(*number);
    return number.has_value();
  };
  if (field.type == wire_type(type)) return take(field.value);
  if (field.type != WireType::length) return false;
  Wire packed(field.text);
  while (!packed.done()) {
    WireField each{.number = field.number, .type = wire_type(type)};
    if (!packed.value(each, 0) || !take(each.value)) return false;
  }
  return true;
}

// As a person writes it.
std::string written(ProtoType type, std::uint64_t bits) {
  if (type == ProtoType::float64 || type == ProtoType::float32) return fmt::format("{}", std::bit_cast<double>(bits));
  if (type == ProtoType::boolean) return bits != 0 ? "true" : "false";
  const bool negative = type == ProtoType::int32 || type == ProtoType::int64 || type == ProtoType::sint32 ||
                        type == ProtoType::sint64 || type == ProtoType::sfixed32 || type == ProtoType::sfixed64 ||
                        type == ProtoType::enumeration;
  return negative ? fmt::format("{}", static_cast<std::int64_t>(bits)) : fmt::format("{}", bits);
}

// Reads one message of rules, say StringRules.
class GroupReader {
 public:
  GroupReader(const RuleGroup& group, FieldRules& into) : group_(group), into_(into) {}

  Result<> read(std::string_view option) {
    Wire wire(option);
    while (!wire.done()) {
      WireField field;
      if (!wire.field(field, kDeepestMessage)) return cut_short();
      if (auto taken = take(field); !taken) return taken;
    }
    say_order();
    return {};
  }

 private:
  Result<> take(const WireField& field) {
    switch (group_.type) {
      case ProtoType::string: return take_string(field);
      case ProtoType::bytes: return take_bytes(field);
      case ProtoType::enumeration: return take_enum(field);
      case ProtoType::boolean:
        if (field.number == 1) return take_constant(field);
        return field.number == 2 ? Result<>() : unknown(field);  // example
      default: return take_number(field);
    }
  }

  Result<> take_number(const WireField& field) {
    const bool real = group_.type == ProtoType::float32 || group_.type == ProtoType::float64;
    switch (field.number) {
      case 1: return take_constant(field);
      case 2: return bound(field, high_, false);
      case 3: return bound(field, high_, true);
      case 4: return bound(field, low_, false);
      case 5: return bound(field, low_, true);
      case 6: return listed(field, RuleKind::one_of, "in", "is none of those listed");
      case 7: return listed(field, RuleKind::none_of, "not_in", "is one of those ruled out");
      case 8: return real ? flag(field, RuleKind::finite, "finite", "is no finite number") : Result<>();
      case 9: return real ? Result<>() : unknown(field);
      default: return unknown(field);
    }
  }

  Result<> take_enum(const WireField& field) {
    switch (field.number) {
      case 1: return take_constant(field);
      case 2:  // defined_only: what is not declared is refused anyway
      case 5: return {};
      case 3: return listed(field, RuleKind::one_of, "in", "is none of those listed");
      case 4: return listed(field, RuleKind::none_of, "not_in", "is one of those ruled out");
      default: return unknown(field);
    }
  }

  Result<> take_string(const WireField& field) {
    switch (field.number) {
      case 1: return take_text(field, RuleKind::constant, "const", "is not the one value");
      case 19: return size(field, RuleKind::characters, "len", true, true);
      case 2: return size(field, RuleKind::characters, "min_len", true, false);
      case 3: return size(field, RuleKind::characters, "max_len", false, true);
      case 20: return size(field, RuleKind::octets, "len_bytes", true, true);
      case 4: return size(field, RuleKind::octets, "min_bytes", true, false);
      case 5: return size(field, RuleKind::octets, "max_bytes", false, true);
      case 6: return take_pattern(field);
      case 7: return take_text(field, RuleKind::prefix, "prefix", "does not begin as it has to");
      case 8: return take_text(field, RuleKind::suffix, "suffix", "does not end as it has to");
      case 9: return take_text(field, RuleKind::contains, "contains", "lacks what it has to contain");
      case 23: return take_text(field, RuleKind::lacks, "not_contains", "contains what it may not");
      case 10: return take_text(field, RuleKind::one_of, "in", "is none of those listed");
      case 11: return take_text(field, RuleKind::none_of, "not_in", "is one of those ruled out");
      case 12: return flag(field, RuleKind::email, "email", "is no email address");
      case 13: return flag(field, RuleKind::hostname, "hostname", "is no host name");
      case 14: return flag(field, RuleKind::ip, "ip", "is no IP address");
      case 15: return flag(field, RuleKind::ipv4, "ipv4", "is no IPv4 address");
      case 16: return flag(field, RuleKind::ipv6, "ipv6", "is no IPv6 address");
      case 17: return flag(field, RuleKind::uri, "uri", "is no URI");
      case 21: return flag(field, RuleKind::address, "address", "is neither a host name nor an IP address");
      case 22: return flag(field, RuleKind::uuid, "uuid", "is no UUID");
      case 33: return flag(field, RuleKind::tuuid, "tuuid", "is no UUID without hyphens");
      case 34: return {};  // example
      case 18: return not_held("string.uri_ref");
      case 24: return not_held("string.well_known_regex");
      case 25: return not_held("string.strict");
      case 26: return not_held("string.ip_with_prefixlen");
      case 27: return not_held("string.ipv4_with_prefixlen");
      case 28: return not_held("string.ipv6_with_prefixlen");
      case 29: return not_held("string.ip_prefix");
      case 30: return not_held("string.ipv4_prefix");
      case 31: return not_held("string.ipv6_prefix");
      case 32: return not_held("string.host_and_port");
      case 35: return not_held("string.ulid");
      default: return unknown(field);
    }
  }

  Result<> take_bytes(const WireField& field) {
    switch (field.number) {
      case 1: return take_text(field, RuleKind::constant, "const", "is not the one value");
      case 13: return size(field, RuleKind::octets, "len", true, true);
      case 2: return size(field, RuleKind::octets, "min_len", true, false);
      case 3: return size(field, RuleKind::octets, "max_len", false, true);
      case 5: return take_text(field, RuleKind::prefix, "prefix", "does not begin as it has to");
      case 6: return take_text(field, RuleKind::suffix, "suffix", "does not end as it has to");
      case 7: return take_text(field, RuleKind::contains, "contains", "lacks what it has to contain");
      case 8: return take_text(field, RuleKind::one_of, "in", "is none of those listed");
      case 9: return take_text(field, RuleKind::none_of, "not_in", "is one of those ruled out");
      case 10: return sizes(field, "ip", {4, 16});
      case 11: return sizes(field, "ipv4", {4});
      case 12: return sizes(field, "ipv6", {16});
      case 15: return sizes(field, "uuid", {16});
      case 14: return {};  // example
      case 4: return not_held("bytes.pattern");
      default: return unknown(field);
    }
  }

  std::string name(std::string_view rule) const { return fmt::format("{}.{}", group_.name, rule); }
  std::unexpected<Fault> unknown(const WireField& field) const { return not_held(name(fmt::to_string(field.number))); }

  ValueRule& add(RuleKind kind, std::string_view rule, std::string_view says) {
    into_.rules.push_back({.kind = kind, .name = name(rule), .says = std::string(says)});
    return into_.rules.back();
  }
  // Lists come item by item.
  ValueRule& same(RuleKind kind, std::string_view rule, std::string_view says) {
    const std::string wanted = name(rule);
    const auto found = std::ranges::find(into_.rules, wanted, &ValueRule::name);
    return found != into_.rules.end() ? *found : add(kind, rule, says);
  }

  Result<> take_constant(const WireField& field) {
    const auto value = number_of(field);
    if (!value) return cut_short();
    add(RuleKind::constant, "const", fmt::format("is not {}", written(group_.type, *value))).numbers = {*value};
    return {};
  }

  std::optional<std::uint64_t> number_of(const WireField& field) const {
    return field.type == wire_type(group_.type) ? scalar_of(group_.type, field.value) : std::nullopt;
  }

  Result<> bound(const WireField& field, std::optional<ValueRule::Bound>& which, bool inclusive) {
    const auto value = number_of(field);
    if (!value) return cut_short();
    which = {*value, inclusive};
    return {};
  }

  // Both ends of an order are one rule, as one may turn the other round.
  void say_order() {
    if (!low_ && !high_) return;
    std::vector<std::string> says, names;
    if (low_) {
      names.emplace_back(low_->inclusive ? "gte" : "gt");
      says.push_back(fmt::format("{} {}", low_->inclusive ? "at least" : "above", written(group_.type, low_->value)));
    }
    if (high_) {
      names.emplace_back(high_->inclusive ? "lte" : "lt");
      says.push_back(fmt::format("{} {}", high_->inclusive ? "at most" : "below", written(group_.type, high_->value)));
    }
    ValueRule& rule = add(RuleKind::within, fmt::format("{}", fmt::join(names, "_")),
                          fmt::format("is not {}", fmt::join(says, " and ")));
    rule.low = low_;
    rule.high = high_;
  }

  Result<> listed(const WireField& field, RuleKind kind, std::string_view rule, std::string_view says) {
    if (!append_numbers(field, group_.type, same(kind, rule, says).numbers)) return cut_short();
    return {};
  }

  Result<> take_text(const WireField& field, RuleKind kind, std::string_view rule, std::string_view says) {
    if (field.type != WireType::length) return cut_short();
    same(kind, rule, says).texts.emplace_back(field.text);
    return {};
  }

  Result<> take_pattern(const WireField& field) {
    if (field.type != WireType::length) return cut_short();
    auto pattern = Pattern::compile_re2(field.text);
    if (!pattern) return fail(within("string.pattern", std::move(pattern.error())));
    add(RuleKind::pattern, "pattern", "is not as its pattern has it").expression = std::move(*pattern);
    return {};
  }

  Result<> size(const WireField& field, RuleKind kind, std::string_view rule, bool least, bool most) {
    if (field.type != WireType::varint) return cut_short();
    const std::string_view unit = kind == RuleKind::characters ? "characters" : "bytes";
    const std::string_view how = least && most ? "does not have" : least ? "has fewer than" : "has more than";
    ValueRule& made = add(kind, rule, fmt::format("{} {} {}", how, field.value, unit));
    if (least) made.low = {field.value, true};
    if (most) made.high = {field.value, true};
    return {};
  }

  Result<> flag(const WireField& field, RuleKind kind, std::string_view rule, std::string_view says) {
    if (field.type != WireType::varint) return cut_short();
    if (field.value != 0) add(kind, rule, says);
    return {};
  }

  Result<> sizes(const WireField& field, std::string_view rule, std::vector<std::uint64_t> octets) {
    if (field.type != WireType::varint) return cut_short();
    if (field.value == 0) return {};
    add(RuleKind::sizes, rule, fmt::format("does not have {} bytes", fmt::join(octets, " or "))).numbers =
        std::move(octets);
    return {};
  }

  const RuleGroup& group_;
  FieldRules& into_;
  std::optional<ValueRule::Bound> low_, high_;
};

Result<> read_list_rules(std::string_view option, FieldRules& into) {
  Wire wire(option);
  while (!wire.done()) {
    WireField field;
    if (!wire.field(field, kDeepestMessage)) return cut_short();
    switch (field.number) {
      case 1: into.least = field.value; break;
      case 2: into.most = field.value; break;
      case 3: into.unique = field.value != 0; break;
      case 4: into.items += field.text; break;
      default: return not_held(fmt::format("repeated.{}", field.number));
    }
  }
  return {};
}

Result<> read_map_rules(std::string_view option, FieldRules& into) {
  Wire wire(option);
  while (!wire.done()) {
    WireField field;
    if (!wire.field(field, kDeepestMessage)) return cut_short();
    switch (field.number) {
      case 1: into.least = field.value; break;
      case 2: into.most = field.value; break;
      case 4: into.keys += field.text; break;
      case 5: into.values += field.text; break;
      default: return not_held(fmt::format("map.{}", field.number));
    }
  }
  return {};
}

std::unexpected<Fault> misplaced(std::string_view group, const RuleSite& site) {
  return fail(Cause::unsupported, "rules of '{}' are not held at a field of {}", group,
              site.map    ? "a map"
              : site.list ? "several values"
                          : std::string_view(to_string(site.type)));
}

Result<> read_group(std::uint32_t number, std::string_view option, const RuleSite& site, FieldRules& into) {
  if (number == 18 || number == 19) {
    const bool map = number == 19;
    if (site.map != map || site.list == map) return misplaced(map ? "map" : "repeated", site);
    return map ? read_map_rules(option, into) : read_list_rules(option, into);
  }
  const auto group = std::ranges::find(kRuleGroups, number, &RuleGroup::number);
  if (group == kRuleGroups.end()) return not_held(fmt::to_string(number));
  if (site.list || site.map || site.type != group->type) return misplaced(group->name, site);
  return GroupReader(*group, into).read(option);
}

}  // namespace

Result<FieldRules> read_field_rules(std::string_view option, const RuleSite& site) {
  FieldRules rules;
  std::map<std::uint32_t, std::string> groups;
  Wire wire(option);
  while (!wire.done()) {
    WireField field;
    if (!wire.field(field, kDeepestMessage)) return cut_short();
    const auto left_out =
        std::ranges::find(kRulesLeftOut, field.number, &std::pair<std::uint32_t, std::string_view>::first);
    if (left_out != kRulesLeftOut.end()) return not_held(left_out->second);
    if (field.number == 25) {
      rules.required = field.value != 0;
    } else if (field.number == 27) {
      if (field.value > 3 || field.value == 2) return not_held("ignore");
      rules.zero_ignored = field.value == 1;
      rules.ignored = field.value == 3;
    } else if (field.type != WireType::length) {
      return not_held(fmt::to_string(field.number));
    } else {
      groups[field.number] += field.text;
    }
  }
  for (const auto& [number, text] : groups)
    if (auto read = read_group(number, text, site, rules); !read) return fail(std::move(read.error()));
  return rules;
}

Result<bool> read_oneof_rules(std::string_view option) {
  bool required = false;
  Wire wire(option);
  while (!wire.done()) {
    WireField field;
    if (!wire.field(field, kDeepestMessage)) return cut_short();
    if (field.number != 1 || field.type != WireType::varint) return not_held(fmt::format("oneof.{}", field.number));
    required = field.value != 0;
  }
  return required;
}

Result<> check_message_rules(std::string_view option) {
  Wire wire(option);
  while (!wire.done()) {
    WireField field;
    if (!wire.field(field, kDeepestMessage)) return cut_short();
    switch (field.number) {
      case 1: return not_held("message.disabled");
      case 3: return not_held("message.cel");
      case 4: return not_held("message.oneof");
      case 5: return not_held("message.cel_expression");
      default: return not_held(fmt::format("message.{}", field.number));
    }
  }
  return {};
}

}  // namespace bulkhead::contracts
