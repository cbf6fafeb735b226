#pragma once

#include <optional>
#include <string>

#include "cli/context.hpp"

// The subcommands; each gives its exit code.
namespace bulkhead::cli {

int up(const Context& context, bool detach);
int down(const Context& context, bool volumes);
int status(const Context& context);
struct LogsOptions {
  std::string service;  // empty: all
  bool follow = false;
  int lines = 100;  // of each instance's last ones
};
int logs(const Context& context, const LogsOptions& options);
struct InitOptions {
  std::string from;    // a Compose file; empty: the folder is looked at
  bool force = false;  // replaces a manifest that is there
};
int init(const Context& context, const InitOptions& options);
int check(const Context& context);
int graph(const Context& context, const std::string& format);
int reach(const Context& context, const std::string& from, const std::string& to);
int restart(const Context& context, const std::string& service);
int scale(const Context& context, const std::string& service, int count);
int identity(const Context& context, const std::string& service);
int completion(const std::string& shell);

// The whole command line. The roles (keeper, sidecar, …) are not here: the program's main knows them.
int run(int argc, char** argv);

}  // namespace bulkhead::cli
