#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "builds/files.hpp"

// What is remembered of a build, and what follows from it. Pure.
//
// A build may write where its inputs lie. Nobody has to say which files those are: what appears while it runs is its
// output. A file that was there before and changed may be one, or somebody edited it meanwhile: it is doubtful, counts
// as it was before, and so the build is run once more; what changes then again is an output. An output that changes
// while no build runs is somebody's file after all.
namespace bulkhead::builds {

using Commands = std::vector<std::vector<std::string>>;

struct Record {
  Commands commands;
  Files inputs;                    // when it began
  Files programs;                  // that the services' commands name, when it had ended; "" where there is none
  Files outputs;                   // likewise
  std::set<std::string> doubtful;  // files that changed meanwhile
  bool succeeded = true;
  bool operator==(const Record&) const = default;
};

// What lies there now. `files` are those of the build's scope and of the services' directories.
struct Now {
  Files files;
  Files programs;
  std::set<std::string> inputs;  // paths of `files` that are in the build's scope
  std::int64_t as_of_ns = 0;     // nobody had looked before that; file_time_ns()
};

// Why it has to run; "" where it has not. Paths are told as they count from `dir`.
std::string reason_to_build(const Record* last, const Commands& commands, const Now& now, const std::string& dir);

// After a run.
Record learn(const Record* last, const Commands& commands, const Now& before, const Now& after, bool succeeded = true);

// Of everything that the services are made of and run from: a change of it replaces their instances.
std::string fingerprint(const Record& record, const Now& now);

std::string to_json(const Record& record);
Result<Record> record_from_json(std::string_view text);

// "main.go has changed", "main.go is new", "main.go is gone and 3 more have changed"; "" where they are equal.
std::string difference(const Files& before, const Files& after, const std::string& dir);

}  // namespace bulkhead::builds
