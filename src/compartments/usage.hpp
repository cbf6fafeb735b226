#pragma once

// What one instance's processes use: of its groups, where it has some, else of the processes below its first one, as
// /proc tells. Reads a few small files; whoever asks often asks rarely enough.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "compartments/cgroup.hpp"

namespace bulkhead::compartments {

struct Usage {
  std::optional<std::uint64_t> cpu_us;        // processor time since it began, user's and kernel's; only grows
  std::optional<std::uint64_t> memory_bytes;  // without what of files the kernel could drop at once
  std::optional<std::uint64_t> pids;          // processes and threads of a group, else processes
  bool operator==(const Usage&) const = default;
};

// What nobody can tell is absent. `first` is as this process sees it; `proc` is /proc (another one in tests).
Usage usage_of(const std::vector<CgroupDirectory>& groups, pid_t first, const std::string& proc = "/proc");

}  // namespace bulkhead::compartments
