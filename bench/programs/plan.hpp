#pragma once

// What a run of `load` is asked to do, and what it reports.

#include <cstdint>
#include <string>
#include <vector>

#include "poller.hpp"

namespace bench {

struct Plan {
  std::string host = "127.0.0.1";  // or the path of a Unix socket
  std::string port = "80";
  std::string protocol = "http1";  // or http2, grpc, grpc-stream, tcp, handshake
  std::string path = "/";
  std::string bearer;  // a token that each request of http1 shows; none where empty
  bool tls = false;
  std::string certificate;  // of the client, with its key: a file; none where empty
  bool resume = false;      // handshakes offer the session before
  std::uint64_t body = 0;   // bytes that each answer must have; with gRPC each message, both ways
  std::uint32_t connections = 1;
  std::uint32_t streams = 1;  // in flight on each connection; 1 but with HTTP/2 and gRPC
  double rate = 0;            // requests a second at fixed times; 0: the next follows each answer
  Nanos begin{0};  // of what counts, on CLOCK_MONOTONIC; everything before is warming up. 0: a second from now
  Nanos length = std::chrono::seconds(5);
};

// Words such as `port=80` and `seconds=2.5`. Throws where it does not know one.
Plan read_plan(const std::vector<std::string>& words);

class Tally {
 public:
  Tally(Nanos begin, Nanos length) : begin_(begin), end_(begin + length) {}

  // `intended`: when the request was to be sent, whether it could be then or not.
  void answered(Nanos intended, Nanos at) {
    ++answered_;
    if (at < begin_ || at >= end_) return;
    latencies_.push_back((at - intended).count());
  }
  void failed(const std::string& why) {
    if (errors_++ == 0) first_error_ = why;
  }

  Nanos end() const { return end_; }
  std::uint64_t errors() const { return errors_; }
  std::string json();

 private:
  Nanos begin_;
  Nanos end_;
  std::vector<std::int64_t> latencies_;
  std::uint64_t answered_ = 0;  // before `begin` too
  std::uint64_t errors_ = 0;
  std::string first_error_;
};

}  // namespace bench
