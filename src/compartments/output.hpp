#pragma once

// What service and sidecar write, cut into lines and without the values of the service's secrets, into the instance's
// log. For the keeper's poll loop.

#include <array>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>

#include "base/fd.hpp"
#include "base/redactor.hpp"
#include "compartments/log_file.hpp"

namespace bulkhead::compartments {

class Output {
 public:
  // A sidecar and the one that follows it write to one after the other of the last two.
  enum class Source : std::uint8_t { service_output, service_errors, sidecar, second_sidecar };
  static constexpr std::size_t kSources = 4;

  explicit Output(LogSpec spec) : log_(std::move(spec)) {}

  // Non-blocking, to be read.
  void add(Source source, Fd pipe) { streams_[static_cast<std::size_t>(source)].pipe = std::move(pipe); }
  void watch(std::span<pollfd, kSources> watched) const;
  // After poll: what is there goes into the log.
  void on_ready(std::span<const pollfd, kSources> watched);
  // From now on nothing that these hold, or the last versions before them, is written down.
  static constexpr std::size_t kVersionsKnown = 4;
  void know(const std::vector<SecretFile>& secrets);
  // The keeper's own word.
  void say(std::string_view line);
  // What is open, and what stands there of lines that have not ended; for another process of the same log.
  struct Open {
    int fd = -1;
    std::string rest;
  };
  Open open_at(std::size_t source) const {
    const Stream& stream = streams_[source];
    return {stream.pipe.get(), stream.cutter.rest() + stream.held};
  }
  void go_on(std::size_t source, Fd pipe, std::string_view rest);
  // At the end: what is left, lines without an end too.
  void finish();

 private:
  struct Stream {
    const char* name;
    Fd pipe;
    LineCutter cutter;
    std::string held;  // may be the beginning of a secret
  };
  void read(Stream& stream);
  void take(Stream& stream, std::string_view bytes);

  LogFile log_;
  Redactor redactor_;
  std::deque<std::vector<SecretFile>> known_;  // versions, the newest last
  std::array<Stream, kSources> streams_{
      {{"stdout", {}, {}, {}}, {"stderr", {}, {}, {}}, {"sidecar", {}, {}, {}}, {"sidecar", {}, {}, {}}}};
};

}  // namespace bulkhead::compartments
