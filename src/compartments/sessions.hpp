#pragma once

// The keeper's part in what operators do inside: it passes the controller's words on to init, and init's answers with
// their descriptors back. A guest ends with its session: when the controller says so, or is gone.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "compartments/controller_link.hpp"
#include "compartments/init.hpp"
#include "compartments/rights.hpp"

namespace bulkhead::compartments {

class Sessions {
 public:
  using Millis = ControllerLink::Millis;
  static constexpr Millis kHangUp = 2000;  // between SIGHUP and SIGKILL

  explicit Sessions(ControllerLink& controller) : controller_(controller) {}

  // A message of the controller; `init` is the socket to it, -1 while there is no service.
  void on_controller(const nlohmann::json& message, int init, Millis now);
  void on_init(const InitMessage& message, Received& received);
  // Ends those whose controller is gone, and kills those that were asked to end.
  void tick(Millis now, int init);
  std::optional<Millis> deadline() const;
  bool any() const { return !guests_.empty(); }

 private:
  void start(std::uint32_t session, const nlohmann::json& message, int init);
  void hang_up(std::uint32_t session, int init, Millis now);
  void refuse(std::uint32_t session, const std::string& error);

  ControllerLink& controller_;
  std::map<std::uint32_t, std::optional<Millis>> guests_;  // when each is killed, if it is to end
};

}  // namespace bulkhead::compartments
