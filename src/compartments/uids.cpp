#include "compartments/uids.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include <pwd.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::compartments {
namespace {

// FNV-1a: it must give the same answer in every release, or volumes would change hands.
std::uint64_t hash(std::uint64_t state, std::string_view text) {
  for (const char byte : text) state = (state ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  return (state ^ 0xFFU) * 1099511628211ULL;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// "first:count" with nothing that reaches root or wraps around.
std::optional<IdRange> range_of(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto first = number(text.substr(0, colon));
  const auto count = number(text.substr(colon + 1));
  if (!first || !count || *first == 0 || *count == 0) return std::nullopt;
  if (*count > std::numeric_limits<std::uint32_t>::max() - *first) return std::nullopt;
  return IdRange{*first, *count};
}

std::uint32_t size_of(const std::vector<IdRange>& ranges) {
  std::uint64_t total = 0;
  for (const auto& range : ranges) total += range.count;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(total, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t at(const std::vector<IdRange>& ranges, std::uint32_t index) {
  for (const auto& range : ranges) {
    if (index < range.count) return range.first + index;
    index -= range.count;
  }
  return 0;
}

std::string user_name(std::uint32_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return entry.pw_name;
}

Result<std::vector<IdRange>> ranges_in(const char* path, std::uint32_t uid) {
  const auto text = read_file(path);
  if (!text) return std::vector<IdRange>{};
  auto ranges = parse_subordinate(*text, user_name(uid), uid);
  if (!ranges) return fail(within(path, ranges.error()));
  return ranges;
}

bool has_helpers() { return access("/usr/bin/newuidmap", X_OK) == 0 && access("/usr/bin/newgidmap", X_OK) == 0; }

}  // namespace

Result<std::vector<IdRange>> parse_subordinate(std::string_view text, std::string_view user, std::uint32_t uid) {
  const std::string as_number = std::to_string(uid);
  std::vector<IdRange> ranges;
  for (unsigned line_number = 1; !text.empty(); ++line_number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view owner = line.substr(0, colon);
    if (owner.empty() || (owner != user && owner != as_number)) continue;
    const auto range = range_of(line.substr(colon + 1));
    if (!range) return fail(Cause::invalid, "line {}: '{}' should be {}:FIRST:COUNT", line_number, line, owner);
    ranges.push_back(*range);
  }
  return ranges;
}

IdMeans look_at_ids() {
  const std::uint32_t self = geteuid();
  const auto has_range = [&](const char* path) {
    const auto ranges = ranges_in(path, self);
    return ranges && !ranges->empty();
  };
  return {has_range("/etc/subuid") && has_range("/etc/subgid"), has_helpers()};
}

Result<std::uint32_t> choose_index(std::uint32_t total, std::string_view state_directory, std::string_view app,
                                   std::string_view service, const std::function<bool(std::uint32_t)>& taken) {
  if (total == 0) return fail(Cause::exhausted, "there are no ids to choose from");
  const std::uint64_t wish = hash(hash(hash(14695981039346656037ULL, state_directory), app), service);
  const auto start = static_cast<std::uint32_t>(wish % total);
  for (std::uint32_t step = 0; step < total; ++step) {
    const auto index = static_cast<std::uint32_t>((std::uint64_t{start} + step) % total);
    if (!taken(index)) return index;
  }
  return fail(Cause::exhausted, "all {} ids for services are in use", total);
}

Result<Ids> choose_ids(std::string_view state_directory, std::string_view app, std::string_view service,
                       const std::set<std::uint32_t>& used) {
  std::vector<IdRange> uids{{kFirstServiceUid, kServiceUids}};
  std::vector<IdRange> gids = uids;
  const std::uint32_t self = geteuid();
  if (self != 0) {
    auto own_uids = ranges_in("/etc/subuid", self);
    if (!own_uids) return fail(own_uids.error());
    auto own_gids = ranges_in("/etc/subgid", self);
    if (!own_gids) return fail(own_gids.error());
    if (own_uids->empty() || own_gids->empty() || !has_helpers()) return Ids{IdMapping::single, self, getegid()};
    uids = std::move(*own_uids);
    gids = std::move(*own_gids);
  }
  const std::uint32_t total = std::min(size_of(uids), size_of(gids));
  const auto index = choose_index(total, state_directory, app, service,
                                  [&](std::uint32_t candidate) { return used.contains(at(uids, candidate)); });
  if (!index) return fail(index.error());
  return Ids{self == 0 ? IdMapping::direct : IdMapping::helper, at(uids, *index), at(gids, *index)};
}

}  // namespace bulkhead::compartments
