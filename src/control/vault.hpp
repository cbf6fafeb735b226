#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "control/secret_source.hpp"

// The variables that `up` handed over, in memory that controller and warden share: whichever of the two is killed, the
// other one's copy goes to the one that follows. It is never in a file, an argument or an environment, and is gone when
// both are.
namespace bulkhead::control {

class Vault {
 public:
  static constexpr int kNumber = 3;  // the descriptor by which a controller or warden inherits it

  // The one that this process inherited, or an empty one.
  static Result<Vault> open();

  int descriptor() const { return memory_.get(); }
  Result<Variables> read() const;
  Result<> write(const Variables& variables);
  // The next exec of this process inherits it.
  Result<> stay_across_exec();

 private:
  explicit Vault(Fd memory) : memory_(std::move(memory)) {}
  Fd memory_;
};

// For a process that holds secrets: nobody of the same user reads its memory, and it leaves no core.
Result<> hide_memory();

}  // namespace bulkhead::control
