#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"
#include "manifest/application.hpp"

// Who may do what on the control socket. The launcher's uid and root may do everything; others have the role that the
// manifest gives to a group of theirs.
namespace bulkhead::control {

// Each includes the ones before it. No group can have the last one.
enum class Role : std::uint8_t { none, viewer, operate, admin, launcher };
std::string_view to_string(Role role);  // as the manifest writes it

// Every verb that there is. One that is not here is refused, whoever asks.
struct Verb {
  std::string_view name;
  Role role;      // that it takes
  bool recorded;  // with its outcome in the audit log, by the dispatcher; the others that change something do it
                  // themselves
};
const Verb* find_verb(std::string_view name);

// Who is at the other end of a connection, by the kernel's word as of its connect().
struct Peer {
  uid_t uid = 0;
  pid_t pid = 0;
  std::string user;  // its name on this host; empty where it has none
  Role role = Role::none;
};

class Roles {
 public:
  // Until a manifest says more: the launcher and root.
  Roles() = default;
  explicit Roles(const manifest::Operators& operators);

  Role role_of(uid_t uid, std::span<const gid_t> groups) const;
  // The groups that have a role, by number, each with what the manifest calls it.
  const std::map<gid_t, std::string>& groups() const { return names_; }
  // Groups that this host does not know: "bulkhead.yaml:3:12: no group is called 'oncal' on this host".
  const std::vector<std::string>& unknown() const { return unknown_; }

 private:
  void add(const std::vector<manifest::Operators::Group>& groups, Role role);

  std::map<gid_t, Role> roles_;
  std::map<gid_t, std::string> names_;
  std::vector<std::string> unknown_;
};

std::string name_of(const Peer& who);  // its name, or "uid 1000"

Result<Peer> peer_of(int socket, const Roles& roles);

// Why `who` may not use `verb`: which role it takes, which one they have, and where roles are written. Empty: they may.
std::string refusal_of(const Peer& who, std::string_view verb);

}  // namespace bulkhead::control
