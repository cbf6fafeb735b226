#pragma once

// How large an expression may be. All of it is written by an operator, but read by programs that must stay up.

#include <cstddef>

namespace bulkhead::conditions {

inline constexpr std::size_t kLongestSource = 8192;  // bytes
inline constexpr int kDeepestNesting = 64;           // parentheses, brackets, arguments and branches in each other
inline constexpr int kDeepestTree = 160;             // operators and selections in each other; recursion is as deep
inline constexpr int kMostLoops = 8;                 // all(), exists(), map() and their like in each other

}  // namespace bulkhead::conditions
