#pragma once

// Asks the own service whether it is ready, as the snapshot's health says: HTTP, grpc.health.v1, or a TCP connect.
// Loop's thread only.

#include <functional>
#include <string>

#include "proxy/core.hpp"
#include "proxy/local_service.hpp"

namespace bulkhead::proxy {

// Whether results of checks change what is reported. Pure.
class Readiness {
 public:
  enum class Change : std::uint8_t { none, became_ready, became_unready };
  // `retries` failures in a row make a ready one unready; one success makes it ready.
  Change record(bool success, std::uint32_t retries);
  bool ready() const { return ready_; }

 private:
  bool ready_ = false;
  std::uint32_t failures_ = 0;
};

// grpc.health.v1: the framed request for a service's name, and whether a framed answer says SERVING.
std::string health_request(std::string_view service);
bool says_serving(std::string_view answer);

class HealthChecker {
 public:
  using Report = std::function<void(bool ready, const std::string& detail)>;
  HealthChecker(Core& core, LocalService& service, Report report);

  void start();  // once
  void stop() { gate_.shut(); }

 private:
  net::Task<> run();
  net::Task<Result<>> check(const Health& health);
  net::Task<Result<>> check_http(const Health& health, net::Deadline deadline);
  net::Task<Result<>> check_grpc(const Health& health, net::Deadline deadline);
  net::Task<Result<>> check_tcp(const Health& health, net::Deadline deadline);

  Core& core_;
  LocalService& service_;
  const Report report_;
  Readiness readiness_;
  bool started_ = false;
  net::Gate gate_;
};

}  // namespace bulkhead::proxy
