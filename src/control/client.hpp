#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "control/places.hpp"
#include "manifest/application.hpp"

// The command line's end of control.sock. Blocking; each call makes its own connection.
namespace bulkhead::control {

// Whether a controller answers for this application.
bool is_running(const Places& places);
// Whether it has ended for good: not while it is started again after a kill, or becomes another build. Waits for that,
// some seconds at most.
bool has_ended(const Places& places);
// Whether there are remains of one: a list of instances that a new controller could adopt.
bool has_remains(const Places& places);

// Whether what is desired is kept, so that start_control() brings the application back. `forget` ends that.
bool is_kept(const Places& places);
Result<> forget(const Places& places);

// The processes of control that run now; wait for them, so that after `down` there are none.
std::vector<int> control_pids(const Places& places);
bool wait_for_exit(const std::vector<int>& pids, int milliseconds);

// Starts controller and warden and waits until the controller answers.
Result<> start_control(const std::string& app, const std::string& executable);

// Removes what the application's services kept in their volumes. Only while nothing of it runs. An ordinary user can
// not do this by hand: volumes belong to the services' own ids.
Result<> remove_volumes(const manifest::Application& application, const std::string& executable);

// One request, its answer. Cause::unreachable when no controller is there; an answer that is not "ok" is
// Cause::conflict with its error.
Result<nlohmann::json> ask(const Places& places, const nlohmann::json& request);

// Hears a status with each change, until `heard` returns false or the controller ends (then Cause::closed).
Result<> watch(const Places& places, const std::function<bool(const nlohmann::json&)>& heard);

// The same for whoever has other things to do meanwhile.
class StatusStream {
 public:
  static Result<StatusStream> open(const Places& places);
  StatusStream(StatusStream&&) noexcept;
  ~StatusStream();
  // Nothing where none came within `patience`. Cause::closed when the controller ended.
  Result<std::optional<nlohmann::json>> next(std::chrono::milliseconds patience);

 private:
  struct State;
  explicit StatusStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bulkhead::control
