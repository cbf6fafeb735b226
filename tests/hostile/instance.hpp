#pragma once

// One instance under test: a keeper in its own process, with a fake sidecar and the probe as its service. The test
// plays the controller. Everything it makes is below one directory of its own and goes with it.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

#include "base/fd.hpp"
#include "compartments/spec.hpp"
#include "launchers.hpp"

namespace bulkhead::hostile {

using Json = nlohmann::json;

class Instance {
 public:
  explicit Instance(Launcher launcher);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // To be changed before start(). The command is the probe; doors are 198.18.1.1:8080 and localhost:4001.
  compartments::Spec& spec() { return spec_; }
  compartments::Compartment& compartment() { return *spec_.compartment; }
  const std::string& directory() const { return directory_; }

  void start();

  // The next message from the keeper that `wanted` accepts; null when the keeper hangs up first or nothing comes.
  Json wait_for(const std::function<bool(const Json&)>& wanted);
  Json wait_for_state(const std::string& state);
  Json wait_for_exit();  // {"type":"exited"}
  // The keeper's hello, with the pids.
  Json wait_for_hello();
  // Of a keeper that has connected before: what it had said then is forgotten.
  Json wait_for_hello_again();
  void send(const Json& message);
  std::vector<Fd> take_rights() { return std::move(rights_); }

  // Lines of the log, of one stream.
  std::vector<std::string> log(const std::string& stream) const;
  // Waits until a line of the stream contains `text`; empty if it never comes.
  std::string wait_for_log(const std::string& stream, const std::string& text) const;

  // What `action` returns in a process of the launcher's.
  int as_launcher(const std::function<int()>& action) const;

  pid_t keeper() const { return keeper_; }
  // The keeper's exit code once it is gone; -signal if killed, nothing when it stays.
  std::optional<int> wait_for_keeper();

 private:
  bool read_frame();
  void become_launcher() const;
  std::string directory_;
  compartments::Spec spec_;
  Launcher launcher_;
  Fd listener_, connection_;
  std::string incoming_;
  std::vector<Fd> rights_;
  std::vector<Json> messages_;
  pid_t keeper_ = -1;
  std::optional<int> keeper_exit_;
};

// Every process whose environment has `text`, by /proc: what an instance left behind.
std::vector<pid_t> processes_marked(const std::string& text);

// Asks until `condition` holds or ten seconds have passed.
bool eventually(const std::function<bool()>& condition);

}  // namespace bulkhead::hostile
