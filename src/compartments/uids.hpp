#pragma once

// Which host uid a service runs as: its own, the same after every restart, never the launcher's.

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Root's services live here; nothing else hands out ids in this range (systemd's dynamic and container ranges end
// below).
inline constexpr std::uint32_t kFirstServiceUid = 1'900'000'000;
inline constexpr std::uint32_t kServiceUids = 100'000;

// A range of subordinate ids of one user.
struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  bool operator==(const IdRange&) const = default;
};

// The ranges of `user` (name or number) in the text of /etc/subuid or /etc/subgid. Lines of others that are malformed
// are skipped, one of `user`'s own is Cause::invalid.
Result<std::vector<IdRange>> parse_subordinate(std::string_view text, std::string_view user, std::uint32_t uid);

// Which one of `total` ids `app`/`service` kept in `state_directory` gets: a stable hash, then linear probing past the
// ids for which `taken` answers true. Cause::exhausted when every one is.
Result<std::uint32_t> choose_index(std::uint32_t total, std::string_view state_directory, std::string_view app,
                                   std::string_view service, const std::function<bool(std::uint32_t)>& taken);

// What an ordinary user needs for ids of its services' own.
struct IdMeans {
  bool subordinate = false;  // ranges in both /etc/subuid and /etc/subgid
  bool helpers = false;      // newuidmap and newgidmap
};
IdMeans look_at_ids();

// The mapping for one service of this process's user: direct as root, helper with subordinate ids and newuidmap, else
// single. `used` holds the service uids of other services that already have one.
Result<Ids> choose_ids(std::string_view state_directory, std::string_view app, std::string_view service,
                       const std::set<std::uint32_t>& used);

}  // namespace bulkhead::compartments
