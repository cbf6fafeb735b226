#include "base/redactor.hpp"

#include <algorithm>
#include <cstring>

namespace bulkhead {

namespace {

static_assert(Redactor::kShortest == sizeof(std::uint64_t));

std::uint64_t first_octets(std::string_view text) {
  std::uint64_t octets = 0;
  std::memcpy(&octets, text.data(), sizeof octets);
  return octets;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = line.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

void Redactor::add(const std::string& name, std::string_view content) {
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    std::string_view line = trimmed(content.substr(0, end));
    content.remove_prefix(std::min(end + 1, content.size()));
    if (line.starts_with("-----")) continue;
    while (line.size() >= kShortest) {
      // The last piece takes what would be too short for one.
      const std::size_t size = line.size() < kPiece + kShortest ? line.size() : kPiece;
      add_value(name, line.substr(0, size));
      line.remove_prefix(size);
    }
  }
}

void Redactor::add_value(const std::string& name, std::string_view text) {
  begins_[static_cast<unsigned char>(text.front())] = true;
  std::vector<Value>& alike = values_[first_octets(text)];
  if (std::ranges::find(alike, text, &Value::text) != alike.end()) return;
  const auto place = std::ranges::find_if(alike, [&](const Value& each) { return each.text.size() < text.size(); });
  alike.insert(place, {std::string(text), name});
}

Redactor::Found Redactor::find(std::string_view rest) const {
  if (!begins_[static_cast<unsigned char>(rest.front())]) return {};
  // No value holds a line's end: a whole line never waits for the next one.
  if (rest.size() < kShortest) return {nullptr, rest.find('\n') == std::string_view::npos};
  const auto alike = values_.find(first_octets(rest));
  if (alike == values_.end()) return {};
  Found found;
  for (const Value& value : alike->second) {
    if (rest.starts_with(value.text)) {
      found.value = &value;
      return found;
    }
    found.may_go_on = found.may_go_on || std::string_view(value.text).starts_with(rest);
  }
  return found;
}

// Gives how much of the text is done.
std::size_t Redactor::run(std::string_view text, bool ends, std::string& into) const {
  std::size_t at = 0;
  while (at < text.size()) {
    const Found found = find(text.substr(at));
    if (found.may_go_on && !ends) return at;
    if (found.value == nullptr) {
      into += text[at++];
      continue;
    }
    into += "[secret " + found.value->name + "]";
    at += found.value->text.size();
  }
  return at;
}

std::string Redactor::redact(std::string_view text) const {
  std::string result;
  result.reserve(text.size());
  run(text, true, result);
  return result;
}

std::string Redactor::redact_part(std::string& held, std::string_view part) const {
  held += part;
  std::string result;
  held.erase(0, run(held, false, result));
  return result;
}

}  // namespace bulkhead
