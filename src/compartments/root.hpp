#pragma once

// Builds a compartment's root with the same system calls as bubblewrap, in the namespace's init (docs/decisions/0002).
//
// Sources become detached trees first (open_tree), everything is attached afterwards: by the time the new root is being
// filled, no path of the host is resolved any more, and every target is resolved inside the new root (RESOLVE_IN_ROOT).

#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/root_plan.hpp"

namespace bulkhead::compartments {

// The plan's binds as detached, private mounts with their final flags, in the plan's order. Needs CAP_SYS_ADMIN over
// the mount namespace. Root calls it in the keeper, before the namespaces are made, as a root launcher's init has no
// power over directories of other users (a home with 0700); an ordinary user's init calls it, and passes its own.
Result<std::vector<Fd>> open_trees(const RootPlan& plan);

// In the new mount and pid namespaces: builds the root, attaches `trees`, mounts proc, devpts and the temporary file
// systems, makes the root read-only and leaves the old one behind. The volume's directory is given to `service_id`.
// `with_secrets`: gives the directory behind kSecretsDirectory, in which only the holder of it can write.
Result<Fd> enter_root(const RootPlan& plan, const std::vector<Fd>& trees, std::uint64_t tmp_bytes, bool with_secrets);

}  // namespace bulkhead::compartments
