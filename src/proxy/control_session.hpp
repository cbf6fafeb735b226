#pragma once

// What is said between this process and the controller: the certificate and its renewal, snapshots, readiness, numbers.
//
//   → {"type":"hello","instance","role","not_enforced":[{"what","reason","fix"}]}
//                                                   ← {"type":"svid","chain":PEM,"bundle":PEM, …}
//   → {"type":"sign","csr":PEM}                     ← {"type":"snapshot","hash","snapshot":{…}}
//   → {"type":"applied","hash"} | {"type":"rejected","hash","error"}
//   → {"type":"health","state":"ready"|"unready","detail"}
//   → {"type":"stats","edges":[…],"denied":[…],"identity":{…}}   ← {"type":"stats?"}
//                                                   ← {"type":"refused","error"} to the last message
//
// Loop's thread only. Nothing here is waited for by a request.

#include <functional>
#include <string>

#include "proxy/control_link.hpp"
#include "proxy/core.hpp"

namespace bulkhead::proxy {

class ControlSession {
 public:
  struct Handlers {
    // Takes a new configuration, or says why not; then everything stays as it was.
    std::function<Result<>(ConfigPtr)> apply;
    // The identity or the configuration has come or changed.
    std::function<void()> progress;
  };

  ControlSession(Core& core, Role role, std::string controller_socket, Handlers handlers);
  void start();
  void close();

  // Told to the controller now and after each reconnect. Not said before the first call.
  void set_health(bool ready, std::string detail);
  net::Task<> flush(net::Deadline deadline) { return link_.flush(deadline); }
  void send_stats();

 private:
  void greet();
  void take(const std::string& type, const nlohmann::json& message);
  void take_svid(const nlohmann::json& message);
  void take_snapshot(const nlohmann::json& message);
  Result<> apply_snapshot(const nlohmann::json& message);
  void send_health();
  void ask_for_certificate();
  net::Task<> renew();
  net::Task<> report();
  double random_fraction() const;

  Core& core_;
  const Role role_;
  const Handlers handlers_;
  ControlLink link_;
  bool health_known_ = false;
  bool ready_ = false;
  std::string health_detail_;
  std::uint64_t stats_sent_ = 0;
  bool asked_ = false;  // for a certificate, on this connection
  net::SteadyTime asked_at_;
  net::Notify wake_;
  net::Gate gate_;
};

}  // namespace bulkhead::proxy
