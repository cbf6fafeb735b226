#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scaffold/command.hpp"
#include "scaffold/folder.hpp"

namespace bulkhead::scaffold {

// A program that was found in a folder. Internal to this folder.
struct Program {
  std::string name;  // as it would like to be called, "" where its directory's name will do
  std::string dir;
  std::string why;
  std::vector<std::string> words;  // before host_command
  std::string entry;               // its own text, as a path of the folder; "" where that is not known
  std::uint16_t usual_port = 0;    // where its kind listens if nothing says otherwise
  std::string usual_why;
  std::vector<std::uint16_t> exposed;
  Dockerfile dockerfile;
  bool is_web = false;  // it is what is meant to be reached from outside
  bool is_job = false;
  bool is_last_resort = false;  // a script that people may only call by hand
};

// The programs right in a directory.
std::vector<Program> programs_in(const Folder& folder, const std::string& dir);

}  // namespace bulkhead::scaffold
