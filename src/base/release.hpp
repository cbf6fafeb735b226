#pragma once

#include <utility>

namespace bulkhead {

// Empties a container and gives its memory back. `container = {}` does not: of a string or a vector that assigns an
// empty list, and the memory stays.
template <class Container>
void release(Container& container) {
  Container empty;
  std::swap(container, empty);
}

}  // namespace bulkhead
