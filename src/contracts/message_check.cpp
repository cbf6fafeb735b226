#include "contracts/message_check.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/utf8.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::size_t kFreeSteps = 10'000'000;  // and more with the message's size
constexpr std::size_t kStepsOfOctet = 32;
constexpr std::size_t kMostCompared = 65'536;
constexpr std::size_t kMostNamed = 32;

bool is_utf8_string(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = sequence_length(text.substr(i));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

bool is_text(ProtoType type) { return type == ProtoType::string || type == ProtoType::bytes; }

}  // namespace

MessageReport MessageCheck::run(Index type, std::string_view bytes) {
  memory_.counts.clear();
  memory_.compared.clear();
  steps_left_ = kFreeSteps + kStepsOfOctet * bytes.size();
  report_.readable = true;
  message(type, bytes);
  return std::move(report_);
}

bool MessageCheck::message(Index index, std::string_view bytes) {
  const ProtoMessage& type = model_.messages[index];
  const std::size_t base = memory_.counts.size();
  const std::size_t mark = memory_.compared.size();
  const std::size_t counters = type.fields.size() + type.oneofs.size();
  if (!spend(1 + counters)) return false;
  memory_.counts.resize(base + counters);
  Wire wire(bytes);
  while (!wire.done()) {
    std::uint32_t number = 0;
    WireType written{};
    if (!wire.tag(number, written)) return unreadable(path_to({}), "is no Protocol Buffers message");
    const ProtoField* known = type.find(number);
    if (!(known ? field(type, base, *known, written, wire) : undeclared(number, written, wire))) return false;
  }
  if (type.judged && !whole(type, base, mark)) return false;
  memory_.counts.resize(base);
  memory_.compared.resize(mark);
  return true;
}

bool MessageCheck::field(const ProtoMessage& type, std::size_t base, const ProtoField& field, WireType written,
                         Wire& wire) {
  if (written == WireType::length && field.packable()) return packed(type, base, field, wire);
  const std::uint32_t at = memory_.counts[base + static_cast<std::size_t>(&field - type.fields.data())];
  if (written != wire_type(field.type))
    return unreadable(path_to(name_of(field, at)), fmt::format("is not written as {} is", to_string(field.type)));
  WireField value{.number = field.number, .type = written};
  if (!wire.value(value, kDeepestMessage - depth_)) return unreadable(path_to(name_of(field, at)), "is cut short");
  if (written == WireType::group && !spend(value.text.size() / 16)) return false;
  if (!once(type, base, field)) return false;
  if (!is_message(field.type)) return scalar(type, base, field, value);
  if (!inner(field, at, value.text)) return false;
  return !field.map || compare_later(type, field, memory_.path[static_cast<std::size_t>(depth_)].key);
}

bool MessageCheck::packed(const ProtoMessage& type, std::size_t base, const ProtoField& field, Wire& wire) {
  std::string_view text;
  if (!wire.length(text)) return unreadable(path_to(field.name), "is cut short");
  Wire items(text);
  WireField value{.number = field.number, .type = wire_type(field.type)};
  while (!items.done()) {
    if (!items.value(value, 0)) return unreadable(path_to(field.name), "is cut short");
    if (!once(type, base, field) || !scalar(type, base, field, value)) return false;
  }
  return true;
}

// What is there twice is read differently: the last one counts, but not everywhere.
bool MessageCheck::once(const ProtoMessage& type, std::size_t base, const ProtoField& field) {
  std::uint32_t* counts = memory_.counts.data() + base;
  std::uint32_t& count = counts[&field - type.fields.data()];
  ++count;
  if (field.repeated) return true;
  if (count > 1 && !unfit(path_to(field.name), "is there more than once")) return false;
  if (field.oneof == kNone) return true;
  std::uint32_t& of_oneof = counts[type.fields.size() + field.oneof];
  if (++of_oneof <= 1 || count > 1) return true;
  return unfit(path_to(field.name), fmt::format("is there beside another of {}", type.oneofs[field.oneof].name));
}

bool MessageCheck::inner(const ProtoField& field, std::uint32_t at, std::string_view bytes) {
  if (depth_ >= kDeepestMessage)
    return unreadable(path_to({}), fmt::format("is more than {} messages within each other", kDeepestMessage));
  memory_.path[static_cast<std::size_t>(depth_)] = {&field, at, {}};
  ++depth_;
  const bool on = message(field.of, bytes);
  --depth_;
  return on;
}

bool MessageCheck::scalar(const ProtoMessage& type, std::size_t base, const ProtoField& field,
                          const WireField& written) {
  const std::uint32_t at = memory_.counts[base + static_cast<std::size_t>(&field - type.fields.data())] - 1;
  ProtoValue value{.text = written.text};
  if (!is_text(field.type)) {
    const auto number = scalar_of(field.type, written.value);
    if (!number) return unreadable(path_to(name_of(field, at)), fmt::format("is no {}", to_string(field.type)));
    value.bits = *number;
  } else if (field.type == ProtoType::string && !is_utf8_string(value.text)) {
    return unreadable(path_to(name_of(field, at)), "is a string that is not UTF-8");
  }
  if (field.type == ProtoType::enumeration) {
    const ProtoEnum& names = model_.enums[field.of];
    if (!names.has(static_cast<std::int32_t>(value.bits)) &&
        !unfit(path_to(name_of(field, at)), fmt::format("is no value of {}", names.name)))
      return false;
  }
  if (type.entry && field.number == 1 && depth_ > 0) memory_.path[static_cast<std::size_t>(depth_ - 1)].key = value;
  if (!ruled(field, at, value)) return false;
  return !field.unique || compare_later(type, field, value);
}

bool MessageCheck::ruled(const ProtoField& field, std::uint32_t at, const ProtoValue& value) {
  if (!field.nonzero && field.rules.empty()) return true;
  if (!spend(field.cost)) return false;
  const bool zero = value.bits == 0 && value.text.empty();
  if (field.nonzero && zero) return unfit(path_to(field.name), "has to be set", "required");
  if (field.zero_ignored && zero) return true;
  const ValueRule* broken = broken_rule(field.rules, field.type, value);
  return broken == nullptr || unfit(path_to(name_of(field, at)), broken->says, broken->name);
}

bool MessageCheck::compare_later(const ProtoMessage& type, const ProtoField& field, const ProtoValue& value) {
  if (memory_.compared.size() >= kMostCompared)
    return unreadable(path_to(field.name), fmt::format("has more than {} values to compare", kMostCompared));
  ProtoValue kept = value;
  if (field.type == ProtoType::float64 || field.type == ProtoType::float32) {
    const auto number = std::bit_cast<double>(value.bits);
    if (std::isnan(number)) return true;
    if (number == 0) kept.bits = 0;  // -0 is 0
  }
  memory_.compared.push_back({static_cast<std::uint32_t>(&field - type.fields.data()), kept});
  return true;
}

bool MessageCheck::undeclared(std::uint32_t number, WireType written, Wire& wire) {
  if (strict_) return unfit(path_to(fmt::to_string(number)), "is not declared");
  WireField value{.number = number, .type = written};
  if (!wire.value(value, kDeepestMessage - depth_)) return unreadable(path_to(fmt::to_string(number)), "is cut short");
  ++report_.dropped_count;
  if (report_.dropped.size() < kMostNamed) report_.dropped.push_back(path_to(fmt::to_string(number)));
  return true;
}

// Once all its fields have been read.
bool MessageCheck::whole(const ProtoMessage& type, std::size_t base, std::size_t mark) {
  bool differ = false;
  for (std::size_t i = 0; i < type.fields.size(); ++i) {
    const ProtoField& field = type.fields[i];
    const std::uint32_t count = memory_.counts[base + i];
    differ = differ || field.unique || field.map;
    if (field.needed && count == 0 && !unfit(path_to(field.name), "has to be set", "required")) return false;
    if (field.repeated && !counted(field, count)) return false;
    const ValueRule* broken = count == 0 ? field.broken_if_absent : nullptr;
    if (broken != nullptr && !unfit(path_to(field.name), broken->says, broken->name)) return false;
  }
  for (std::size_t i = 0; i < type.oneofs.size(); ++i) {
    const bool missing = type.oneofs[i].required && memory_.counts[base + type.fields.size() + i] == 0;
    if (missing && !unfit(path_to(type.oneofs[i].name), "has to be one of its fields", "oneof.required")) return false;
  }
  if (differ && !all_differ(type, mark)) return false;
  return !type.entry || filled_entry(type, base);
}

bool MessageCheck::counted(const ProtoField& field, std::uint32_t count) {
  const bool ignored = field.empty_ignored && count == 0;
  const std::string_view unit = field.map ? "pairs" : "items";
  if (count < field.least && !ignored)
    return unfit(path_to(field.name), fmt::format("has fewer than {} {}", field.least, unit),
                 field.map ? "map.min_pairs" : "repeated.min_items");
  if (count > field.most)
    return unfit(path_to(field.name), fmt::format("has more than {} {}", field.most, unit),
                 field.map ? "map.max_pairs" : "repeated.max_items");
  return true;
}

// A map's value that is not written is an empty message.
bool MessageCheck::filled_entry(const ProtoMessage& type, std::size_t base) {
  const ProtoField* value = type.find(2);
  if (value == nullptr || !is_message(value->type)) return true;
  if (memory_.counts[base + static_cast<std::size_t>(value - type.fields.data())] != 0) return true;
  return inner(*value, 0, {});
}

bool MessageCheck::all_differ(const ProtoMessage& type, std::size_t mark) {
  const auto from = memory_.compared.begin() + static_cast<std::ptrdiff_t>(mark);
  std::ranges::sort(from, memory_.compared.end(), [](const auto& left, const auto& right) {
    if (left.field != right.field) return left.field < right.field;
    if (left.value.bits != right.value.bits) return left.value.bits < right.value.bits;
    return left.value.text < right.value.text;
  });
  const auto twice = std::adjacent_find(from, memory_.compared.end());
  if (twice == memory_.compared.end()) return true;
  const ProtoField& field = type.fields[twice->field];
  return field.map ? unfit(path_to(field.name), "has a key twice")
                   : unfit(path_to(field.name), "has an item twice", "repeated.unique");
}

bool MessageCheck::spend(std::size_t steps) {
  if (steps > steps_left_) return unreadable({}, "is too costly to check");
  steps_left_ -= steps;
  return true;
}

std::string MessageCheck::name_of(const ProtoField& field, std::uint32_t at) const {
  return field.repeated ? fmt::format("{}[{}]", field.name, at) : field.name;
}

std::string MessageCheck::path_to(std::string_view last) const {
  std::string path;
  const auto add = [&](std::string_view name) {
    if (!path.empty()) path += '.';
    path += name;
  };
  for (std::size_t i = 0; i < static_cast<std::size_t>(depth_); ++i)
    add(name_of(*memory_.path[i].field, memory_.path[i].at));
  if (!last.empty()) add(last);
  return path;
}

bool MessageCheck::unreadable(std::string path, std::string what) {
  report_.readable = false;
  report_.failure = {.unreadable = true, .path = std::move(path), .what = std::move(what), .rule = {}};
  return false;
}

bool MessageCheck::unfit(std::string path, std::string_view what, std::string_view rule) {
  if (!report_.failure)
    report_.failure = {.path = std::move(path), .what = std::string(what), .rule = std::string(rule)};
  return !strict_;
}

}  // namespace bulkhead::contracts
