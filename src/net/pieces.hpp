#pragma once

#include <cstddef>
#include <span>

#include <sys/uio.h>

namespace bulkhead::net {

// What a caller gave to be written: a list of pieces, the first of which is written up to `offset`. Private to net.
struct Pieces {
  std::span<const iovec> list;
  std::size_t offset = 0;

  // Leaves out pieces of which nothing is to be written; true when none is left.
  bool done();
  // Takes `size` bytes off the front.
  void advance(std::size_t size);
};

}  // namespace bulkhead::net
