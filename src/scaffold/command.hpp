#pragma once

// What an image's or a developer's command is on the host: /usr/bin/python3 for python, the script that `npm start`
// stands for, `python3 -m gunicorn` for a program that lies beside an interpreter that isn't there.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scaffold/dockerfile.hpp"
#include "scaffold/folder.hpp"

namespace bulkhead::scaffold {

// Where a command runs.
struct Place {
  const Folder& folder;
  const Host& host;
  std::string dir;      // of the folder, "" the folder itself; stands at /app inside
  std::string workdir;  // what the command takes for its directory, "" where it is `dir`
  const std::vector<Dockerfile::Copy>* copies = nullptr;
};

struct HostCommand {
  std::vector<std::string> words;                                // as the manifest writes them
  std::vector<std::pair<std::string, std::string>> environment;  // that the command itself set
  std::set<std::string> packages;                                // of Debian
  std::vector<std::string> notes;                                // what is not as it was, each a sentence's part
  std::string missing;      // a program that is not there yet, as the command names it
  std::string build;        // what makes it, where the command itself says so
  bool is_foreign = false;  // and that is an interpreter or tool, not the application's
  bool uses_python = false;
  bool uses_node = false;
};

HostCommand host_command(std::vector<std::string> words, const Place& place);

// The command that `npm run NAME` stands for in a package.json, "" where there is none.
std::string npm_script(std::string_view package_json, std::string_view name);
// Its "main" or the one "bin".
std::string npm_main(std::string_view package_json);

// What has to be fetched once before the program in `dir` runs, and what builds it, from a Dockerfile's RUN lines or
// the files there.
struct Step {
  std::string text;
  std::string run;
};
struct Steps {
  std::vector<Step> steps;
  std::vector<std::string> notes;
  std::set<std::string> packages;  // of Debian, for the steps
  std::string build;               // for a shell in the program's directory, each time before it starts; "" is none
  bool python_packages = false;    // they are in DIR/.packages, so PYTHONPATH has to say so
};
Steps steps_for(const std::vector<std::string>& runs, const HostCommand& command, const Place& place);

}  // namespace bulkhead::scaffold
