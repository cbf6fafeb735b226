#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead {

// The candidate that `word` most likely was meant to be, "" where none is near: at most a third of its letters differ
// (insertions, deletions, changes, neighbours swapped; case and -_ ignored). The first of equals.
std::string nearest(std::string_view word, std::span<const std::string> candidates);
std::string nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace bulkhead
