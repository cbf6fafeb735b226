#include "base/json.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace bulkhead {

using nlohmann::json;

namespace {

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<json> to_number(const tape::Json& read, std::uint32_t index) {
  const std::string_view text = read.raw(index);
  if (read[index].plain && !text.starts_with('-')) {
    if (const auto natural = number_of<std::uint64_t>(text)) return json(*natural);
  } else if (read[index].plain) {
    if (const auto whole = number_of<std::int64_t>(text)) return json(*whole);
  }
  // One that is too small for a double is zero, as for everybody who reads by strtod.
  const double value = std::strtod(std::string(text).c_str(), nullptr);
  if (!std::isfinite(value)) {
    return fail(Cause::invalid, "bad JSON: the number at octet {} is too large", read[index].begin + 1);
  }
  return json(value);
}

}  // namespace

Result<json> to_json(const tape::Json& read, std::uint32_t index) {
  const tape::Value& value = read[index];
  switch (value.kind) {
    case tape::Kind::null: return json(nullptr);
    case tape::Kind::boolean: return json(value.truth);
    case tape::Kind::number: return to_number(read, index);
    case tape::Kind::string: return json(std::string(read.text(index)));
    case tape::Kind::array: {
      json items = json::array();
      for (auto at = index + 1; at != value.next; at = read[at].next) {
        auto item = to_json(read, at);
        if (!item) return item;
        items.push_back(std::move(*item));
      }
      return items;
    }
    case tape::Kind::object: break;
  }
  json members = json::object();
  for (auto at = index + 1; at != value.next; at = read[at + 1].next) {
    auto member = to_json(read, at + 1);
    if (!member) return member;
    members.get_ref<json::object_t&>().emplace(read.text(at), std::move(*member));
  }
  return members;
}

Result<json> read_json(std::string_view text, int deepest) {
  tape::Json read;
  if (const auto mistake = read.read(text, static_cast<std::size_t>(deepest)))
    return fail(Cause::invalid, "bad JSON: {} (octet {})", mistake->what, mistake->offset + 1);
  return to_json(read, 0);
}

}  // namespace bulkhead
