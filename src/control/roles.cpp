#include "control/roles.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bulkhead::control {
namespace {

constexpr std::size_t kMostNameBytes = 64U << 10U;  // of what the host's database says about a user or group

constexpr Verb kVerbs[] = {
    {"status", Role::viewer, false},    {"watch", Role::viewer, false},     {"identity", Role::viewer, false},
    {"audit", Role::viewer, false},     {"history", Role::viewer, false},   {"logs", Role::viewer, false},
    {"collector", Role::viewer, false}, {"plan", Role::operate, false},     {"rollback", Role::operate, true},
    {"restart", Role::operate, true},   {"scale", Role::operate, true},     {"exec", Role::operate, false},
    {"run", Role::operate, false},      {"forward", Role::operate, false},  {"apply", Role::admin, true},
    {"down", Role::admin, true},        {"upgrade", Role::launcher, false},
};

// The number of a group: as written, or what the host's database says.
std::optional<gid_t> number_of(const std::string& name) {
  gid_t number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size()) return number;
  std::vector<char> buffer(4096);
  group found{};
  group* result = nullptr;
  while (::getgrnam_r(name.c_str(), &found, buffer.data(), buffer.size(), &result) == ERANGE &&
         buffer.size() < kMostNameBytes)
    buffer.resize(buffer.size() * 2);
  return result == nullptr ? std::nullopt : std::optional(result->gr_gid);
}

std::string user_name(uid_t uid) {
  std::vector<char> buffer(4096);
  passwd found{};
  passwd* result = nullptr;
  while (::getpwuid_r(uid, &found, buffer.data(), buffer.size(), &result) == ERANGE && buffer.size() < kMostNameBytes)
    buffer.resize(buffer.size() * 2);
  return result == nullptr ? std::string() : std::string(result->pw_name);
}

// The supplementary groups that the peer had when it connected: not what the host's database says of its user now.
Result<std::vector<gid_t>> peer_groups(int socket) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE || size <= groups.size() * sizeof(gid_t)) return os_fail("read the groups of a peer");
    groups.resize(size / sizeof(gid_t));
  }
}

}  // namespace

std::string_view to_string(Role role) {
  constexpr std::array<std::string_view, 5> kNames = {"none", "viewer", "operator", "admin", "launcher"};
  return kNames[static_cast<std::size_t>(role)];
}

const Verb* find_verb(std::string_view name) {
  const auto* const found = std::ranges::find(kVerbs, name, &Verb::name);
  return found == std::end(kVerbs) ? nullptr : found;
}

Roles::Roles(const manifest::Operators& operators) {
  add(operators.viewer, Role::viewer);
  add(operators.operate, Role::operate);
  add(operators.admin, Role::admin);
}

void Roles::add(const std::vector<manifest::Operators::Group>& groups, Role role) {
  for (const auto& group : groups) {
    const auto number = number_of(group.name);
    if (!number) {
      unknown_.push_back(
          fmt::format("{}: no group is called '{}' on this host", manifest::to_string(group.position), group.name));
      continue;
    }
    Role& given = roles_[*number];  // a group may be written by name and by number
    given = std::max(given, role);
    names_.try_emplace(*number, group.name);
  }
}

Role Roles::role_of(uid_t uid, std::span<const gid_t> groups) const {
  if (uid == ::geteuid() || uid == 0) return Role::launcher;
  Role role = Role::none;
  for (const gid_t group : groups)
    if (const auto found = roles_.find(group); found != roles_.end()) role = std::max(role, found->second);
  return role;
}

Result<Peer> peer_of(int socket, const Roles& roles) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return os_fail("read who a peer is");
  auto groups = peer_groups(socket);
  if (!groups) return fail(groups.error());
  groups->push_back(credentials.gid);
  return Peer{credentials.uid, credentials.pid, user_name(credentials.uid), roles.role_of(credentials.uid, *groups)};
}

std::string name_of(const Peer& who) { return who.user.empty() ? fmt::format("uid {}", who.uid) : who.user; }

std::string refusal_of(const Peer& who, std::string_view verb) {
  const Verb* const found = find_verb(verb);
  if (found == nullptr) return fmt::format("unknown verb '{}'", verb);
  if (who.role >= found->role) return {};
  if (found->role == Role::launcher)
    return fmt::format("'{}' is for the user who started the application and for root, not for {}", verb, name_of(who));
  return fmt::format(
      "'{}' takes the role {}, and {} has {}; 'operators' in the manifest gives roles to groups (a group that was "
      "joined "
      "since counts from the next login)",
      verb, to_string(found->role), name_of(who),
      who.role == Role::none ? std::string("none") : fmt::format("the role {}", to_string(who.role)));
}

}  // namespace bulkhead::control
