#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead::scaffold {

// What the last stage of a Dockerfile (or a named one) says about the program. Nothing of it is run.
struct Dockerfile {
  struct Copy {
    std::string from;  // a path of the build context, or of another stage
    std::string to;    // as written
    bool of_stage = false;
    std::string base;  // the working directory at `from`, for a stage
  };
  std::string image;    // "python:3.12-slim", of the outermost FROM
  std::string workdir;  // absolute, "/" if none
  // Literal words. A shell form is {"/bin/sh", "-c", text}.
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  bool entrypoint_is_shell = false;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::uint16_t> ports;
  std::vector<std::string> runs;  // of all stages that matter, each a shell line
  std::vector<Copy> copies;
  int command_line = 0;
};

// Never fails: what it does not understand is skipped, as it is only looked at for hints. `target` is a stage's name,
// "" the last one.
Dockerfile read_dockerfile(std::string_view text, std::string_view target = "");

}  // namespace bulkhead::scaffold
