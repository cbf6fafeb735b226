#include "base/redactor.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

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
  const auto has_it = [&](const std::string& each) { return each.find(text) != std::string::npos; };
  if (std::ranges::any_of(public_names_, has_it)) return;
  begins_[static_cast<unsigned char>(text.front())] = true;
  firsts_.insert(first_octets(text));
  values_.try_emplace(std::string(text), name);
}

// A value that `rest` begins with lies before it in their order, and so do those that share its beginning only: of one
// of these, what it shares is looked for next.
const Redactor::Values::value_type* Redactor::longest_at(std::string_view rest) const {
  std::string_view wanted = rest;
  for (auto after = values_.upper_bound(wanted); after != values_.begin(); after = values_.upper_bound(wanted)) {
    const auto& value = *std::prev(after);
    if (rest.starts_with(value.first)) return &value;
    wanted = rest.substr(0, std::ranges::mismatch(rest, value.first).in1 - rest.begin());
    if (wanted.size() < kShortest) break;
  }
  return nullptr;
}

Redactor::Found Redactor::find(std::string_view rest) const {
  if (!begins_[static_cast<unsigned char>(rest.front())]) return {};
  // No value holds a line's end: a whole line never waits for the next one.
  if (rest.size() < kShortest) return {nullptr, rest.find('\n') == std::string_view::npos};
  if (!firsts_.contains(first_octets(rest))) return {};
  const auto after = values_.upper_bound(rest);
  return {longest_at(rest), after != values_.end() && std::string_view(after->first).starts_with(rest)};
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
    into += "[secret " + found.value->second + "]";
    at += found.value->first.size();
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
