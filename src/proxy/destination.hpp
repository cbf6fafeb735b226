#pragma once

#include <expected>
#include <memory>
#include <string>

#include "net/task.hpp"
#include "proxy/exchange.hpp"
#include "proxy/journal.hpp"
#include "proxy/refusal.hpp"

namespace bulkhead::proxy {

// Why there is no (further) try.
struct Why {
  RefusalCause cause = RefusalCause::unreachable;
  std::string detail;
};

using Attempt = std::expected<std::unique_ptr<ClientExchange>, Why>;

// Where one request can be sent: the instances of a service, the own service, a place outside. Lives as long as the
// request; one try at a time.
class Destination {
 public:
  virtual ~Destination() = default;

  // An exchange to try, on another endpoint than the last where there is one. Waits, within bounds of its own, until a
  // try is possible. Sets what is known of the endpoint in `visit`.
  virtual net::Task<Attempt> next(Visit& visit) = 0;
  // The final head of the last try came.
  virtual void answered() {}
  // The last try is over. `never_sent`: it may be repeated.
  virtual void ended(bool never_sent) = 0;
  // The request is no longer wanted: next() gives up soon.
  virtual void abandon() {}
};

}  // namespace bulkhead::proxy
