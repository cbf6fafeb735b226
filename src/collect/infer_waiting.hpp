#pragma once

// A guess at who made which calls where requests wait (infer_order.hpp) and the model knows what follows what, but not
// how long that takes now. Pure.

#include "collect/infer_batch.hpp"
#include "collect/infer_order.hpp"

namespace bulkhead::collect {

// First come, first served: of the requests that may go on with a call, the one that has waited longest makes it.
struct FirstCome {
  Competition::Made made;
  double slower = 1;  // than usual: how many times as long half of the gaps are, at least
};
FirstCome first_come(const Model& model, const Batch& batch);

// In which order requests went on, if they made these calls.
Order order_of(const Model& model, const Batch& batch, const Competition::Made& made);

}  // namespace bulkhead::collect
