#pragma once

// Where programs tell of themselves: OTLP over HTTP (protobuf or JSON, gzip or plain) and over gRPC, on connections
// that their sidecars bring. Whose a connection is, the sidecar says before its first byte, so that a program speaks
// for itself alone, whatever its attributes say. Loop's thread.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "collect/intake.hpp"
#include "collect/otlp.hpp"
#include "collect/program_metrics.hpp"
#include "net/listener.hpp"
#include "proxy/server.hpp"
#include "telemetry/secret_marks.hpp"

namespace bulkhead::collect {

class OtlpDoor {
 public:
  // All of them must outlive this.
  OtlpDoor(net::Loop& loop, Intake& intake, ProgramMetrics& metrics);

  // From now on what a service tells says none of the secrets that its marks find; by the service's name. Until this
  // was called nothing is taken.
  void hide(std::map<std::string, telemetry::SecretMarks> secrets) { secrets_ = std::move(secrets); }
  // What comes from now on is told to come again later, and nothing is put into the intake any more.
  void close() { closed_ = true; }
  // Now and then: what was above a service's limit is written down.
  void tick();
  // Until it is closed, and its connections have ended.
  net::Task<> serve(net::Stream stream, net::Event& shutdown);

 private:
  struct Reply {
    std::uint16_t status = 200;
    int grpc_status = 0;
    std::string detail;       // of a refusal
    std::size_t refused = 0;  // of what else was taken
    std::string_view refused_why;
    const char* what = "Spans";
  };
  net::Task<> handle(proxy::ServerExchange& exchange, const std::string& instance);
  net::Task<Result<std::string>> read_body(proxy::ServerExchange& exchange, bool grpc, bool gzip);
  Reply take(Signal signal, bool as_json, const std::string& body, const std::string& instance);
  Reply take_metrics(bool as_json, const std::string& body, const std::string& instance);
  static net::Task<> answer(proxy::ServerExchange& exchange, const Reply& reply, bool grpc, bool as_json);

  struct Bucket {
    double tokens = 0;  // spans and records that it may bring now
    net::SteadyTime filled{};
    std::uint64_t left_out = 0;  // not written down yet
    net::SteadyTime written{};
  };
  Bucket& bucket_of(const std::string& service);
  net::Loop& loop_;
  Intake& intake_;
  ProgramMetrics& metrics_;
  proxy::ServerOptions options_;
  std::map<std::string, Bucket> buckets_;
  std::optional<std::map<std::string, telemetry::SecretMarks>> secrets_;
  bool closed_ = false;
};

// What is inside gzip (RFC 1952), at most `most` octets.
Result<std::string> gunzip(std::string_view compressed, std::size_t most);

}  // namespace bulkhead::collect
