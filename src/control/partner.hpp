#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "control/vault.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"

// Controller and warden: two processes of which each starts the other again when it is killed, so that an application
// has a controller as long as one of them lives. The warden does nothing else. Each proves that it lives by holding a
// lock on its own file of the run directory, which has its pid as content.
namespace bulkhead::control {

// Takes the lock for this process and writes its pid. Cause::conflict if another living process has it.
Result<Fd> take_role(const std::string& run_directory, const std::string& role);

// The pid of who holds the role; 0 if nobody does.
int holder_of(const std::string& run_directory, const std::string& role);

// Starts `executable ROLE --app APP` in a session of its own, with what it prints appended to `log`. `prefix` are words
// before it: a program that starts it elsewhere (compartments::delegation_prefix). It inherits `vault`, if there is
// one.
Result<> start_role(const std::string& executable, const std::string& role, const std::string& app,
                    const std::string& log, std::vector<std::string> prefix = {}, const Vault* vault = nullptr);

// Watches over the other one.
class Partner {
 public:
  Partner(net::Loop& loop, std::string run_directory, std::string role, std::string executable, std::string app,
          std::string log, const Vault& vault);

  // While the run directory is there: waits for the end of the process that holds `role`, then starts another, at most
  // one each second.
  net::Task<> keep_alive();
  // Ends the one that is there: keep_alive() starts another, of this program.
  void renew();
  // Ends the partner and stops looking.
  void dismiss();
  // Stops looking: this process ends, what the other one does is its own affair.
  void leave() { dismissed_ = true; }

 private:
  net::Loop& loop_;
  std::string run_directory_;
  std::string role_;
  std::string executable_;
  std::string app_;
  std::string log_;
  const Vault& vault_;
  bool dismissed_ = false;
};

// The process: `bulkhead warden`.
int warden_main(const std::string& app, const std::string& executable);

}  // namespace bulkhead::control
