#pragma once

// What stands in a sealed window, by blocks of spans that came one after the other: a search passes over those that can
// have nothing for it, whatever it asks for. (Known as data skipping indexes; "small materialized aggregates",
// Moerkotte, VLDB 1998.)

#include <cstdint>
#include <string>
#include <vector>

#include "collect/database.hpp"
#include "collect/reader.hpp"

namespace bulkhead::collect {

// In the transaction that seals. What was there before is replaced.
Result<> write_blocks(Database& database);

struct Block {
  std::int64_t first = 0, last = 0;  // rows of spans
  std::int64_t ends_us = 0;          // the latest start among them
};

// Absent members ask for nothing.
struct Sought {
  Range range;
  std::int64_t service = 0;  // its number in this window, as caller or callee
  bool failed = false;
  std::int64_t min_us = 0;
  std::string path;  // as it begins
  std::string text;  // in a path, a user, a request's id, or what a program told
};

// Those that may have such a span, the latest first. Only of a window that has_blocks().
Result<std::vector<Block>> blocks_with(WindowReader& window, const Sought& sought);

}  // namespace bulkhead::collect
