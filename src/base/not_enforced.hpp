#pragma once

#include <string>

namespace bulkhead {

// Something the manifest or the design asks for that this host doesn't give: one sentence each, for `status`.
struct NotEnforced {
  std::string what;    // "memory limit"
  std::string reason;  // "no cgroup with memory is delegated to this user"
  std::string fix;     // "sudo loginctl enable-linger ann"
  bool operator==(const NotEnforced&) const = default;
};

}  // namespace bulkhead
