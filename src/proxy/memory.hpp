#pragma once

// What a burst of connections needed goes back to the system once it has gone; glibc's allocator alone would keep it.

#include "net/loop.hpp"
#include "net/task.hpp"

namespace bulkhead::proxy {

// Looks every two seconds, as long as it is awaited. It gives back what is free where that is most of a heap of some
// MiB, and, when the process rests after it was busy, all that is kept at hand for the next request. `loop` must
// outlive it, and the calling thread is the one whose store of pieces is given back.
net::Task<> give_memory_back(net::Loop& loop);

}  // namespace bulkhead::proxy
