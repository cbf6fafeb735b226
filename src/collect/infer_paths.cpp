#include "collect/infer_paths.hpp"

#include <algorithm>

namespace bulkhead::collect {

namespace {

constexpr std::size_t kLongestWord = 40;
constexpr std::size_t kPlacesPerPattern = 4;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "v1" and the like: versions of an interface.
bool is_version(std::string_view segment) {
  return segment.size() >= 2 && segment.size() <= 3 && (segment[0] == 'v' || segment[0] == 'V') &&
         std::ranges::all_of(segment.substr(1), is_digit);
}

}  // namespace

bool looks_like_id(std::string_view segment) {
  if (segment.empty() || is_version(segment)) return false;
  if (segment.size() > kLongestWord || segment.find_first_of("@%=~,") != std::string_view::npos) return true;
  auto digits = static_cast<std::size_t>(std::ranges::count_if(segment, is_digit));
  auto letters = static_cast<std::size_t>(std::ranges::count_if(segment, is_letter));
  if (digits == 0) return letters == 0;
  if (digits >= letters) return true;  // numbers, dates
  bool hex = std::ranges::all_of(segment, [](char c) { return is_hex(c) || c == '-'; });
  if (hex && segment.size() >= 8) return true;  // UUIDs, digests
  bool mixed = std::ranges::any_of(segment, [](char c) { return c >= 'A' && c <= 'Z'; }) &&
               std::ranges::any_of(segment, [](char c) { return c >= 'a' && c <= 'z'; });
  return (segment.size() >= 10 && mixed) || (segment.size() >= 16 && digits >= 3) || digits >= 4;
}

PathPatterns::PathPatterns(PathLimits limits) : limits_(limits) {}

std::string without_ids(std::string_view path) {
  std::string shown;
  path = path.substr(0, path.find('?'));
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    shown += !segment.empty() && looks_like_id(segment) ? "*" : segment;
    if (end < path.size()) shown += '/';
    at = end + 1;
  }
  return shown;
}

// nullptr: no room for another.
PathPatterns::Place* PathPatterns::next(Place& place, std::string_view segment, std::string& name) {
  auto room = [this] {
    if (places_ >= kPlacesPerPattern * limits_.patterns) return false;
    ++places_;
    return true;
  };
  if (!place.many && !looks_like_id(segment)) {
    auto found = place.words.find(segment);
    if (found != place.words.end()) {
      name.append(segment);
      return found->second.get();
    }
    if (place.words.size() < limits_.words) {
      if (!room()) return nullptr;
      name.append(segment);
      return place.words.emplace(segment, std::make_unique<Place>()).first->second.get();
    }
    place.many = true;
  }
  if (!place.any) {
    if (!room()) return nullptr;
    place.any = std::make_unique<Place>();
  }
  name += '*';
  return place.any.get();
}

std::uint32_t PathPatterns::number(std::string_view kind, std::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  std::string name(kind.substr(0, kLongestWord * 2));
  auto found = kinds_.find(name);
  Place* place = nullptr;
  if (found != kinds_.end()) {
    place = &found->second;
  } else if (kinds_.size() < limits_.patterns) {
    place = &kinds_[name];
  }
  name += ' ';
  std::size_t segments = 0;
  while (place != nullptr && !path.empty()) {
    if (path.front() == '/') path.remove_prefix(1);
    name += '/';
    if (++segments > limits_.segments) {
      name += "**";
      break;
    }
    std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    place = next(*place, segment, name);
  }
  if (place == nullptr) name = "other";
  auto known = numbers_.find(name);
  if (known != numbers_.end()) return known->second;
  if (names_.size() + 1 >= limits_.patterns) {
    if (names_.size() < limits_.patterns) names_.emplace_back("other");
    return static_cast<std::uint32_t>(names_.size() - 1);
  }
  auto number = static_cast<std::uint32_t>(names_.size());
  names_.push_back(name);
  numbers_.emplace(std::move(name), number);
  return number;
}

}  // namespace bulkhead::collect
