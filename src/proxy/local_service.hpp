#pragma once

// The service of this instance's own compartment as a destination. Loop's thread only.

#include <memory>

#include "proxy/config.hpp"
#include "proxy/destination.hpp"
#include "proxy/pool.hpp"
#include "proxy/vendor.hpp"

namespace bulkhead::proxy {

class LocalService {
 public:
  LocalService(net::Loop& loop, std::unique_ptr<Vendor> vendor);

  // An exchange with the service at one of its ports. Every fault means that nothing was sent.
  net::Task<Result<std::unique_ptr<ClientExchange>>> acquire(std::uint16_t port, Protocol protocol,
                                                             net::Deadline deadline);
  // A raw connection to it.
  net::Task<Result<net::Stream>> connect(std::uint16_t port, net::Deadline deadline);
  net::Task<> close();

 private:
  std::unique_ptr<Vendor> vendor_;
  Pool pool_;
};

// One request to it. A kept connection that turns out to be dead is followed by another try, kMaxTries at most.
class LocalDestination final : public Destination {
 public:
  static constexpr std::uint32_t kMaxTries = 4;

  LocalDestination(net::Loop& loop, LocalService& service, const ServedPort& port, std::string_view instance)
      : loop_(loop), service_(service), port_(port), instance_(instance) {}

  net::Task<Attempt> next(Visit& visit, net::Deadline deadline) override;
  void prepare(http::Request& request, net::Deadline deadline) override;
  void ended(const std::optional<TryOutcome>&) override {}

 private:
  net::Loop& loop_;
  LocalService& service_;
  const ServedPort port_;
  const std::string_view instance_;
  std::uint32_t tries_ = 0;
};

}  // namespace bulkhead::proxy
