#pragma once

// What may be said of a place in a value that is x-sensitive in part. Whoever may make up names of members, as in a
// map, writes data into them: no place is named within what is x-sensitive, and no name that only the sender chose
// where what it names is. Of this folder.

#include <optional>
#include <string>

#include "contracts/evaluator.hpp"
#include "contracts/model.hpp"

namespace bulkhead::contracts {

// Whether what is of that shape may have something x-sensitive in it, at any depth.
bool has_sensitive(const Program& program, Index shape);

// As Evaluator::check, of a whole value in a request or response of the contract; what comes out may be told and
// written down.
std::optional<Failure> check_discreetly(const Model& model, Evaluator& evaluator, Index shape, const Json& body,
                                        Direction direction);

// The place of a member that nothing declares, by its name in the body: "/profile/colour", or "/profile/*" where that
// is all that may be told.
std::string undeclared_place(const Model& model, Index shape, const Json& body, Index name);

// `failure` somewhere below `pointer`, and nothing closer.
void tell_no_more_than(std::string pointer, Failure& failure);

}  // namespace bulkhead::contracts
