#pragma once

// Another sidecar takes the place of the present one while the service runs: it is started beside it with the same
// doors, and when it is ready the present one takes nothing new, ends what it has, and goes. Whoever does not get
// ready goes itself, and nothing has changed. A gateway's process follows another in the same way.
//
//   none → opening → starting → retiring → finishing → none
//           (init's vendor)  (beside)   (the other way round from here on)

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/sidecar.hpp"

namespace bulkhead::compartments {

class Succession {
 public:
  using Millis = std::int64_t;  // on the steady clock

  // What it asks of the keeper.
  struct Keeper {
    std::function<void()> open_vendor;  // on_vendor() is the answer
    // Starts and greets a sidecar of this executable with the descriptors that the present one has.
    std::function<Result<Sidecar>(const std::string& executable, Fd vendor)> launch;
    std::function<void(Sidecar& next)> swap;  // it serves from now on: `next` is the former one afterwards
    // To the controller: "starting", "serving", "retired" or "failed", of the other one.
    std::function<void(std::string_view what, std::string_view problem)> report;
  };
  struct Limits {
    Millis ready = 30'000;
    Millis retire = 10'000;  // for what the former one still serves
    Millis finish = 5'000;
  };

  Succession(Keeper keeper, Limits limits) : keeper_(std::move(keeper)), limits_(limits) {}

  // Failed at once while another succession is under way.
  void begin(std::string executable, bool has_compartment, Millis now);
  void on_vendor(Result<Fd> vendor, Millis now);
  void on_link(Millis now);
  // Whether it was the other one.
  bool on_exit(pid_t pid);
  void tick(Millis now);
  // The instance ends: one that is not ready yet is killed, one that retires has until finish_now().
  void abandon();
  void finish_now() { other_.kill(); }

  bool is_under_way() const { return phase_ != Phase::none; }
  // What was reported last of the other one: "starting" or "serving"; "" where there is none.
  std::string_view state() const;
  const Sidecar& other() const { return other_; }
  std::optional<Millis> deadline() const { return deadline_; }

 private:
  enum class Phase : std::uint8_t { none, opening, starting, retiring, finishing };
  void launch(Fd vendor, Millis now);
  void give_up(std::string problem);
  void finish(Millis now);
  void end();

  Keeper keeper_;
  Limits limits_;
  Phase phase_ = Phase::none;
  std::string executable_;
  std::string problem_;
  Sidecar other_;
  std::optional<Millis> deadline_;
};

}  // namespace bulkhead::compartments
