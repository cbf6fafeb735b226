#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "builds/files.hpp"
#include "builds/units.hpp"
#include "net/gate.hpp"
#include "net/loop.hpp"

namespace bulkhead::builds {

// Runs builds as the person who typed the command: in their environment, several at a time, those of one directory one
// after the other. What was built is remembered in a directory of theirs, for every application. Blocking; it has a
// loop of its own.
class Builder {
 public:
  using Millis = std::chrono::milliseconds;

  struct Show {
    std::function<void(const Unit&, const std::string& reason)> begins;
    std::function<void(const Unit&, std::string_view line)> writes;  // of its standard output or error
    std::function<void(const Unit&, Millis took)> done;
    std::function<void(const Unit&)> unchanged;
    std::function<void(const Fault&)> not_remembered;  // the next run builds again
  };
  // `stopped` is asked often; once it is true, what runs is ended and nothing else begins.
  Builder(std::string memory, FileReader& files, Show show, std::function<bool()> stopped);

  struct Failure {
    std::string unit;
    std::string problem;
  };
  struct Outcome {
    std::map<std::string, std::string> sources;  // by service: the hash of what it is made of
    std::vector<Failure> failures;               // none of these services has an entry above
    bool built = false;                          // anything
  };
  Outcome build(const std::vector<Unit>& units);
  // Without building: why each has to be built, "" where it has not. Its hash is not known before it is.
  std::map<std::string, std::string> reasons(const std::vector<Unit>& units);

 private:
  class Lock;
  net::Task<> build_one(const Unit& unit, Outcome& outcome);
  net::Task<Result<>> build_locked(const Unit& unit, Outcome& outcome);
  net::Task<Result<>> run(const Unit& unit, const std::vector<std::string>& command);
  net::Task<> read_lines(const Unit& unit, Fd pipe);
  net::Task<> end_when_stopped(pid_t group);
  Result<Now> look(const Unit& unit);
  Result<Record> recall(const Unit& unit) const;
  std::string path_of(const Unit& unit) const;

  net::Loop loop_;
  std::string memory_;
  FileReader& files_;
  Show show_;
  std::function<bool()> stopped_;
  int running_ = 0;
};

}  // namespace bulkhead::builds
