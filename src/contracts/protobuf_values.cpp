// Scalars of Protocol Buffers, and whether one is as its rules say.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/ascii.hpp"
#include "base/utf8.hpp"
#include "contracts/formats.hpp"
#include "contracts/protobuf_rules.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::array<std::string_view, 19> kTypeNames{
    "",        "double",  "float", "int64",  "uint64",  "int32",    "fixed64",  "fixed32", "bool",  "string",
    "a group", "message", "bytes", "uint32", "an enum", "sfixed32", "sfixed64", "sint32",  "sint64"};

std::int64_t unfolded(std::uint64_t raw) { return static_cast<std::int64_t>((raw >> 1U) ^ (~(raw & 1U) + 1U)); }

std::optional<std::uint64_t> narrow(std::int64_t value) {
  if (value < INT32_MIN || value > INT32_MAX) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

bool is_real(ProtoType type) { return type == ProtoType::float64 || type == ProtoType::float32; }

bool is_unsigned(ProtoType type) {
  return type == ProtoType::uint32 || type == ProtoType::uint64 || type == ProtoType::fixed32 ||
         type == ProtoType::fixed64 || type == ProtoType::boolean;
}

bool is_less(ProtoType type, std::uint64_t left, std::uint64_t right) {
  if (is_real(type)) return std::bit_cast<double>(left) < std::bit_cast<double>(right);
  if (is_unsigned(type)) return left < right;
  return static_cast<std::int64_t>(left) < static_cast<std::int64_t>(right);
}

bool is_same_number(ProtoType type, std::uint64_t left, std::uint64_t right) {
  return is_real(type) ? std::bit_cast<double>(left) == std::bit_cast<double>(right) : left == right;
}

bool is_nan(ProtoType type, std::uint64_t bits) { return is_real(type) && std::isnan(std::bit_cast<double>(bits)); }

bool is_within(const ValueRule& rule, ProtoType type, std::uint64_t value) {
  if (is_nan(type, value)) return false;
  const auto above = [&](const ValueRule::Bound& low) {
    return is_less(type, low.value, value) || (low.inclusive && is_same_number(type, low.value, value));
  };
  const auto below = [&](const ValueRule::Bound& high) {
    return is_less(type, value, high.value) || (high.inclusive && is_same_number(type, high.value, value));
  };
  if (!rule.low) return below(*rule.high);
  if (!rule.high) return above(*rule.low);
  const bool outside = is_less(type, rule.high->value, rule.low->value);
  return outside ? above(*rule.low) || below(*rule.high) : above(*rule.low) && below(*rule.high);
}

// One or more labels; the last is no number; a dot may end it (RFC 1034 §3.1, RFC 1123 §2.1).
bool is_hostname(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  bool digits_alone = false;
  while (true) {
    const std::size_t end = std::min(text.find('.'), text.size());
    const std::string_view label = text.substr(0, end);
    const auto fits = [](char c) { return is_letter(c) || is_digit(c) || c == '-'; };
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::ranges::all_of(label, fits)) return false;
    digits_alone = std::ranges::all_of(label, is_digit);
    if (end == text.size()) return !digits_alone;
    text.remove_prefix(end + 1);
  }
}

bool is_ip(std::string_view text) { return matches(Format::ipv4, text) || matches(Format::ipv6, text); }

bool is_plain_uuid(std::string_view text) { return text.size() == 32 && std::ranges::all_of(text, is_hex); }

bool is_any_of(const ValueRule& rule, ProtoType type, const ProtoValue& value) {
  if (type == ProtoType::string || type == ProtoType::bytes)
    return std::ranges::find(rule.texts, value.text) != rule.texts.end();
  return std::ranges::any_of(rule.numbers, [&](std::uint64_t each) { return is_same_number(type, each, value.bits); });
}

bool holds(const ValueRule& rule, ProtoType type, const ProtoValue& value) {
  const auto is_between = [&](std::uint64_t size) { return is_within(rule, ProtoType::uint64, size); };
  switch (rule.kind) {
    case RuleKind::constant:
    case RuleKind::one_of: return is_any_of(rule, type, value);
    case RuleKind::none_of: return !is_any_of(rule, type, value);
    case RuleKind::within: return is_within(rule, type, value.bits);
    case RuleKind::finite: return std::isfinite(std::bit_cast<double>(value.bits));
    case RuleKind::characters: return is_between(characters(value.text));
    case RuleKind::octets: return is_between(value.text.size());
    case RuleKind::prefix: return value.text.starts_with(rule.texts.front());
    case RuleKind::suffix: return value.text.ends_with(rule.texts.front());
    case RuleKind::contains: return value.text.contains(rule.texts.front());
    case RuleKind::lacks: return !value.text.contains(rule.texts.front());
    case RuleKind::pattern: return rule.expression->is_found_in(value.text);
    case RuleKind::email: return matches(Format::email, value.text);
    case RuleKind::hostname: return is_hostname(value.text);
    case RuleKind::ip: return is_ip(value.text);
    case RuleKind::ipv4: return matches(Format::ipv4, value.text);
    case RuleKind::ipv6: return matches(Format::ipv6, value.text);
    case RuleKind::uri: return matches(Format::uri, value.text);
    case RuleKind::uuid: return matches(Format::uuid, value.text);
    case RuleKind::tuuid: return is_plain_uuid(value.text);
    case RuleKind::address: return is_ip(value.text) || is_hostname(value.text);
    case RuleKind::sizes: return std::ranges::find(rule.numbers, value.text.size()) != rule.numbers.end();
  }
  return false;
}

}  // namespace

std::string_view to_string(ProtoType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

WireType wire_type(ProtoType type) {
  switch (type) {
    case ProtoType::float64:
    case ProtoType::fixed64:
    case ProtoType::sfixed64: return WireType::fixed64;
    case ProtoType::float32:
    case ProtoType::fixed32:
    case ProtoType::sfixed32: return WireType::fixed32;
    case ProtoType::string:
    case ProtoType::bytes:
    case ProtoType::message: return WireType::length;
    case ProtoType::group: return WireType::group;
    default: return WireType::varint;
  }
}

std::optional<std::uint64_t> scalar_of(ProtoType type, std::uint64_t raw) {
  switch (type) {
    case ProtoType::int32:
    case ProtoType::enumeration: return narrow(static_cast<std::int64_t>(raw));
    case ProtoType::uint32: return raw <= UINT32_MAX ? std::optional(raw) : std::nullopt;
    case ProtoType::boolean: return raw <= 1 ? std::optional(raw) : std::nullopt;
    case ProtoType::sint32: return narrow(unfolded(raw));
    case ProtoType::sint64: return static_cast<std::uint64_t>(unfolded(raw));
    case ProtoType::sfixed32:
      return static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(raw)));
    case ProtoType::float32:
      return std::bit_cast<std::uint64_t>(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(raw))));
    default: return raw;
  }
}

const ValueRule* broken_rule(const std::vector<ValueRule>& rules, ProtoType type, const ProtoValue& value) {
  for (const ValueRule& rule : rules)
    if (!holds(rule, type, value)) return &rule;
  return nullptr;
}

}  // namespace bulkhead::contracts
