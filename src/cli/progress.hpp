#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"

namespace bulkhead::cli {

using Clock = std::chrono::steady_clock;

std::string elapsed(Clock::time_point since);

// Says each instance's change of state once, and whether waiting on is pointless.
class Progress {
 public:
  static constexpr std::chrono::seconds kGiveUpAfter{120};

  enum class Voice { all, quiet };  // quiet: of problems alone
  explicit Progress(Clock::time_point since, Voice voice = Voice::all) : since_(since), voice_(voice) {}

  // False: settled, or it will not be.
  bool hear(const nlohmann::json& status);
  bool settled() const { return settled_; }
  // Whether every instance that is wanted of the service is there and ready, whatever of it is still going.
  bool is_live(const std::string& service) const { return live_.contains(service); }
  // Services that went back, each with why.
  const std::map<std::string, std::string>& went_back() const { return went_back_; }
  const std::string& given_up() const { return given_up_; }  // the first one that will not start, and why
  std::string problem_of(const std::string& service) const;  // why this one will not start; "" if it may

 private:
  void hear_instance(const std::string& service, const nlohmann::json& instance);

  Clock::time_point since_;
  Voice voice_;
  std::map<std::string, std::string> last_;
  std::string given_up_;
  std::map<std::string, std::string> problems_;
  std::map<std::string, std::string> went_back_;
  std::set<std::string> live_;
  bool settled_ = false;
  bool updating_ = false;  // then the controller knows when to go back
};

// The status as a table.
int show_table(const control::Places& places);

// Waits until everything that is wanted is ready, or will not be, and says how it went. A service that had gone back
// before, and that an `up` of others leaves so, is no failure of this one.
int follow(const Context& context, const control::Places& places, const manifest::Application& application,
           const control::Desired& desired, Clock::time_point since);

}  // namespace bulkhead::cli
