#pragma once

// Reads what the compartment's firewall logs (NFLOG): dials that nobody declared, refused by the kernel already.

#include "net/watch.hpp"
#include "proxy/core.hpp"

namespace bulkhead::proxy {

class DialWatch {
 public:
  explicit DialWatch(Core& core) : core_(core), gate_(core.loop) {}
  Result<> watch(Fd nflog);
  void close() { watch_.close(); }

 private:
  net::Task<> run();

  Core& core_;
  net::Watch watch_;
  net::Gate gate_;
};

}  // namespace bulkhead::proxy
