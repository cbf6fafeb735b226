#pragma once

// What a program's text says about where it listens and whom it calls: the usual idioms of the usual languages, line by
// line. A guess always comes with the place where it was seen.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::scaffold {

struct PortSeen {
  std::uint16_t number = 0;       // 0: only that PORT of the environment is read
  bool from_environment = false;  // the program listens where PORT says
  int strength = 0;               // 3: a call that listens; 2: PORT; 1: a word such as port=
  int line = 0;
};

// Where a program with this text listens, in the order of the lines.
std::vector<PortSeen> ports_in(std::string_view text);

struct HostSeen {
  std::string host;        // "localhost" for every name of loopback
  std::uint16_t port = 0;  // 0: none is named
  int line = 0;
};

// The hosts that a text names: in URLs, as host:port, and quoted alone on a line that speaks of hosts or connections.
std::vector<HostSeen> hosts_in(std::string_view text);

struct VariableSeen {
  std::string name;  // of the environment
  std::string line_text;
  int line = 0;
};

// Names of the environment that a text reads: process.env.X, os.environ["X"], getenv("X"), ENV['X'].
std::vector<VariableSeen> variables_in(std::string_view text);

// Whether a file's name says that it is a program's text.
bool is_source(std::string_view path);

}  // namespace bulkhead::scaffold
