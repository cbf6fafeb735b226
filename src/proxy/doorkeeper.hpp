#pragma once

// Lets requests in to the own service, as many at once as it may have and each caller its part; the others wait, within
// bounds. The decisions are Admission's. Loop's thread only.

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "net/event.hpp"
#include "net/timer.hpp"
#include "proxy/admission.hpp"
#include "proxy/destination.hpp"
#include "proxy/exchange.hpp"

namespace bulkhead::proxy {

class Doorkeeper {
 public:
  explicit Doorkeeper(net::Loop& loop);

  void configure(AdmissionLimits limits);

  // Lives on the frame of whoever serves; gives the place back at its end.
  class Place {
   public:
    Place() = default;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      if (keeper_ != nullptr) keeper_->leave(caller_);
    }

   private:
    friend class Doorkeeper;
    Doorkeeper* keeper_ = nullptr;
    std::string_view caller_;
  };

  // Waits for a place for this exchange; none: it has one. `caller` outlives the place.
  net::Task<std::optional<Why>> enter(Place& place, std::string_view caller, ServerExchange& exchange,
                                      net::Deadline deadline);

  std::uint32_t waiting() const { return admission_.waiting(); }

 private:
  struct Waiter;

  net::Task<std::optional<Why>> wait(std::string_view caller, Admission::Ticket ticket, ServerExchange& exchange,
                                     net::Deadline deadline);
  Why full(Admission::Answer answer, std::string_view caller) const;
  std::string occupancy() const;  // who has the places and waits for them, for a person
  void leave(std::string_view caller);
  void admit(Admission::Ticket ticket);
  static void expire(void* self);
  void arm();

  net::Loop& loop_;
  Admission admission_;
  Admission::Ticket last_ticket_ = 0;
  std::unordered_map<Admission::Ticket, Waiter*> waiters_;
  net::Timer timer_;
};

}  // namespace bulkhead::proxy
