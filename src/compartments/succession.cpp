#include "compartments/succession.hpp"

#include <utility>

#include <fmt/format.h>

namespace bulkhead::compartments {

std::string_view Succession::state() const {
  if (!other_.is_there()) return "";
  return phase_ == Phase::starting ? "starting" : "serving";
}

void Succession::begin(std::string executable, bool has_compartment, Millis now) {
  if (phase_ != Phase::none) return keeper_.report("failed", "the one before is still being replaced");
  executable_ = std::move(executable);
  problem_.clear();
  phase_ = Phase::opening;
  deadline_ = now + limits_.ready;
  if (has_compartment) return keeper_.open_vendor();
  launch({}, now);
}

void Succession::on_vendor(Result<Fd> vendor, Millis now) {
  if (phase_ != Phase::opening) return;
  if (!vendor) return give_up(vendor.error().message);
  launch(std::move(*vendor), now);
}

void Succession::launch(Fd vendor, Millis now) {
  auto launched = keeper_.launch(executable_, std::move(vendor));
  if (!launched) return give_up(launched.error().message);
  other_ = std::move(*launched);
  phase_ = Phase::starting;
  deadline_ = now + limits_.ready;
  keeper_.report("starting", "");
}

void Succession::on_link(Millis now) {
  while (const auto message = other_.hear()) {
    if (phase_ == Phase::starting && message->type == "ready") {
      phase_ = Phase::retiring;
      deadline_ = now + limits_.retire;
      keeper_.swap(other_);
      other_.tell("retire");
      keeper_.report("serving", "");
      return;  // what the link of the former one has is read at the next poll
    }
    if (phase_ == Phase::retiring && message->type == "retired") finish(now);
  }
  // One that can't be told anything any more is at its end.
  if (!other_.has_link()) other_.kill();
}

bool Succession::on_exit(pid_t pid) {
  if (!other_.is_there() || pid != other_.pid()) return false;
  if (phase_ == Phase::starting && problem_.empty()) problem_ = "it ended before it was ready";
  other_.forget();
  end();
  return true;
}

void Succession::tick(Millis now) {
  if (!deadline_ || now < *deadline_) return;
  deadline_.reset();
  switch (phase_) {
    case Phase::opening: return give_up("the compartment's init did not answer");
    case Phase::starting: return give_up(fmt::format("it was not ready within {} ms", limits_.ready));
    case Phase::retiring: return finish(now);
    case Phase::finishing: return other_.kill();
    case Phase::none: return;
  }
}

void Succession::finish(Millis now) {
  phase_ = Phase::finishing;
  deadline_ = now + limits_.finish;
  other_.tell("finish");
}

void Succession::give_up(std::string problem) {
  problem_ = std::move(problem);
  if (!other_.is_there()) return end();
  other_.kill();  // its exit is the end
  deadline_.reset();
}

void Succession::abandon() {
  if (phase_ == Phase::opening || phase_ == Phase::starting) give_up("the instance ends");
}

void Succession::end() {
  deadline_.reset();
  const bool well = std::exchange(phase_, Phase::none) >= Phase::retiring;
  keeper_.report(well ? "retired" : "failed", problem_);
}

}  // namespace bulkhead::compartments
