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
    std::function<void(const Fault&)> not_remembered;  // another process builds again
  };
  // `stopped` is asked often; once it is true, what runs is ended and nothing else begins.
  Builder(std::string memory, FileReader& files, Show show, std::function<bool()> stopped);

  struct Failure {
    std::string unit;
    std::vector<std::string> services;
    std::string problem;
    bool known = false;  // nothing has changed since it failed: it was not run again
  };
  struct Outcome {
    std::map<std::string, std::string> sources;    // by service: the hash of what it is made of
    std::map<std::string, std::int64_t> as_of_ns;  // likewise: as what lay there at that time was; file_time_ns()
    std::vector<Failure> failures;                 // none of these services has an entry above
    std::set<std::string> outputs;                 // files that builds write
  };
  Outcome build(const std::vector<Unit>& units);
  struct Plan {
    std::map<std::string, std::string> reasons;  // by service: why it has to be built
    std::map<std::string, std::string> sources;  // of the others, as above
  };
  Plan plan(const std::vector<Unit>& units);  // builds nothing

 private:
  class Lock;
  net::Task<> build_one(const Unit& unit, Outcome& outcome);
  net::Task<Result<>> build_locked(const Unit& unit, Outcome& outcome);
  net::Task<Result<>> run(const Unit& unit, const std::vector<std::string>& command);
  net::Task<> read_lines(const Unit& unit, Fd pipe);
  net::Task<> end_when_stopped(pid_t group);
  struct Failed {  // how it was left
    Files files;
    std::set<std::string> doubtful;
    bool twice = false;  // so that what is doubtful is no edit
    std::string problem;
  };
  bool is_hopeless(const Unit& unit, const Now& now) const;
  void note_failure(const Unit& unit, const Record* last, const Now& before, const std::string& problem);
  Result<Now> look(const Unit& unit);
  Result<Record> recall(const Unit& unit) const;
  void remember(const Unit& unit, const Record& record);
  std::string path_of(const Unit& unit) const;

  net::Loop loop_;
  std::string memory_;
  FileReader& files_;
  Show show_;
  std::function<bool()> stopped_;
  std::map<std::string, Failed> failed_;   // by path_of() the unit, of this process
  std::map<std::string, Record> unsaved_;  // likewise: what could not be written down
  int running_ = 0;
};

}  // namespace bulkhead::builds
