#pragma once

// The three requests of rtnetlink(7) that a compartment needs.

#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace bulkhead::compartments {

class RouteSocket {
 public:
  static Result<RouteSocket> open();

  // `address`/32 or /128 on loopback.
  Result<> add_loopback_address(int family, std::string_view address);
  // Every address of the family is ours: "local default dev lo". `source` is what an unbound socket gets; empty: the
  // kernel's choice.
  Result<> add_local_default(int family, std::string_view source);

 private:
  explicit RouteSocket(Fd socket) : socket_(std::move(socket)) {}
  struct Request;
  Result<> exchange(Request& request, std::string_view doing);
  Fd socket_;
};

Result<> bring_loopback_up();

}  // namespace bulkhead::compartments
