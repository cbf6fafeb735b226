#pragma once

// What a sidecar and a gateway have in common as processes: the keeper's link, and the way from start to end.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "net/task.hpp"
#include "proxy/hello.hpp"

namespace bulkhead::proxy {

// What it says to its keeper. `fatal`: it must not go on.
struct KeeperLink {
  // "ready", "drained", "retired"; with a descriptor that the keeper gets a copy of.
  std::function<void(std::string_view type, int fd)> say;
  void tell(std::string_view type) const { say(type, -1); }
  std::function<void(const Fault&)> fatal;
};

// Implemented by Sidecar and by the gateway. Loop's thread only.
class Instance {
 public:
  virtual ~Instance() = default;
  // Opens what it was given, finds the controller; says "ready" once, when it can serve.
  virtual void start() = 0;
  // The keeper has started the service.
  virtual void service_started() {}
  // Takes nothing new; says "drained" when what was being served has ended.
  virtual void drain() = 0;
  // Another process has the doors now. Takes nothing new, neither in nor out; says "retired" when what was being served
  // has ended. finish() may come first.
  virtual void retire() = 0;
  // Ends what is left. After it nothing runs any more and the object may go.
  virtual net::Task<> finish() = 0;
};

using MakeInstance = std::function<Result<std::unique_ptr<Instance>>(net::Loop&, Hello, KeeperLink)>;

// What a platform process needs of the host's files once it is confined.
struct Footprint {
  std::vector<std::string> read_write;
  std::vector<std::string> read_only;
};
// Confines the process (compartments::confine_platform_process) and says what the host lacks for it; a Fault means that
// the process must not go on. Given by whoever links both.
using Confine = std::function<Result<std::vector<NotEnforced>>(const Footprint&)>;

// The process: speaks with the keeper at `link_fd` until that says finish (exit code 0) or is gone (1, at once).
int instance_main(int link_fd, const MakeInstance& make, const Confine& confine);

}  // namespace bulkhead::proxy
