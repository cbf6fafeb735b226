#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "net/task.hpp"
#include "proxy/exchange.hpp"
#include "proxy/journal.hpp"
#include "proxy/refusal.hpp"
#include "proxy/retry.hpp"

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

  // An exchange to try, on another endpoint than the last where there is one. Waits, within bounds of its own and until
  // the deadline, until a try is possible. Sets what is known of the endpoint in `visit`.
  virtual net::Task<Attempt> next(Visit& visit, net::Deadline deadline) = 0;
  // Makes the request's fields those that this destination is to see, before each try.
  virtual void prepare(http::Request& request, net::Deadline deadline) = 0;
  // The final head of the last try came. `stays`: a tunnel, whose end tells nothing.
  virtual void answered(const TryOutcome& outcome, bool stays) {
    static_cast<void>(outcome);
    static_cast<void>(stays);
  }
  // The last try is over. None: it says nothing of the destination, as the client went away or a policy ended it.
  virtual void ended(const std::optional<TryOutcome>& outcome) = 0;
  // The request is no longer wanted: next() gives up soon.
  virtual void abandon() {}
};

}  // namespace bulkhead::proxy
