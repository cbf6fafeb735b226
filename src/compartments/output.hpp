#pragma once

// What service and sidecar write, cut into lines, into the instance's log. For the keeper's poll loop.

#include <array>
#include <span>
#include <string_view>

#include <poll.h>

#include "base/fd.hpp"
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
  // The keeper's own word.
  void say(std::string_view line);
  // What is open, and what stands there of lines that have not ended; for another process of the same log.
  struct Open {
    int fd = -1;
    std::string_view rest;
  };
  Open open_at(std::size_t source) const { return {streams_[source].pipe.get(), streams_[source].cutter.rest()}; }
  void go_on(std::size_t source, Fd pipe, std::string_view rest);
  // At the end: what is left, lines without an end too.
  void finish();

 private:
  struct Stream {
    const char* name;
    Fd pipe;
    LineCutter cutter;
  };
  void read(Stream& stream);

  LogFile log_;
  std::array<Stream, kSources> streams_{
      {{"stdout", {}, {}}, {"stderr", {}, {}}, {"sidecar", {}, {}}, {"sidecar", {}, {}}}};
};

}  // namespace bulkhead::compartments
