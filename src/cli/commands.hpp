#pragma once

#include <optional>
#include <string>

#include "cli/context.hpp"

// The subcommands; each gives its exit code.
namespace bulkhead::cli {

int up(const Context& context, bool detach);
int down(const Context& context, bool volumes);
// By the application's name, as what they need is kept: the manifest may be gone.
int suspend(const Context& context, const std::string& app);
int resume(const Context& context, const std::string& app);
int status(const Context& context);
struct LogsOptions {
  std::string service;  // empty: all
  bool follow = false;
  int lines = 100;  // of each instance's last ones
};
int logs(const Context& context, const LogsOptions& options);
int check(const Context& context);
int graph(const Context& context, const std::string& format);
int reach(const Context& context, const std::string& from, const std::string& to);
int restart(const Context& context, const std::string& service);
int scale(const Context& context, const std::string& service, int count);
int identity(const Context& context, const std::string& service);
int completion(const std::string& shell);
int doctor(const Context& context);
int image_list(const Context& context);
int image_remove(const std::string& name);
// The images that the manifest names, into opened.desired; says what an image asks that it does not get.
int unpack_images(Opened& opened);
// Nothing runs unsealed: where the host can not do it, says what is missing and how to get it.
bool host_is_able();

// The whole command line. The roles (keeper, sidecar, …) are not here: the program's main knows them.
int run(int argc, char** argv);

}  // namespace bulkhead::cli
