#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/context.hpp"

// The subcommands; each gives its exit code.
namespace bulkhead::cli {

struct UpOptions {
  std::vector<std::string> services;  // these and what they call; none: all
  bool detach = false;
  bool dry_run = false;  // only tell what would change
  bool watch = false;
};
int up(const Context& context, const UpOptions& options);
int down(const Context& context, bool volumes);
// Tells the controller and waits for its end; with `keep` it can be resumed.
int take_down(const control::Places& places, bool keep = false);
// By the application's name, as what they need is kept: the manifest may be gone.
int suspend(const Context& context, const std::string& app);
int resume(const Context& context, const std::string& app);
// Every process of the platform becomes one of this program. `app` instead of the manifest's; "" for that.
int upgrade(const Context& context, const std::string& app);
int status(const Context& context);
struct LogsOptions {
  std::string service;  // empty: all
  bool follow = false;
  int lines = 100;    // of each instance's last ones
  std::string trace;  // only those of this trace, as the collector kept them; empty: all
};
int logs(const Context& context, const LogsOptions& options);
// "catalog-1 | line", or as JSON.
void print_log_line(bool as_json, const std::string& instance, nlohmann::json line);
struct InitOptions {
  std::string from;    // a Compose file; empty: the folder is looked at
  bool force = false;  // replaces a manifest that is there
};
int init(const Context& context, const InitOptions& options);
int check(const Context& context);
int config(const Context& context);
int graph(const Context& context, const std::string& format);
int reach(const Context& context, const std::string& from, const std::string& to);
struct CanOptions {
  std::string user;  // "ann", "customers:ann", "-"
  std::string method;
  std::string url;
  std::vector<std::string> claims;  // "role=staff"
};
int can(const Context& context, const CanOptions& options);
int restart(const Context& context, const std::string& service);
int scale(const Context& context, const std::string& service, int count);
int history(const Context& context, const std::string& service);           // empty: of all
int rollback(const Context& context, const std::string& service, int to);  // 0: what it was before
int identity(const Context& context, const std::string& service);
int exec(const Context& context, const std::string& service, const std::vector<std::string>& command);
int run_command(const Context& context, const std::string& service, const std::vector<std::string>& command,
                bool beside);
struct ForwardOptions {
  std::string service;
  std::string ports;      // "5432", "15432:5432"
  std::string unix_path;  // instead of a port of loopback
};
int forward(const Context& context, const ForwardOptions& options);
struct AuditOptions {
  std::string since;    // a duration such as 1h; empty: all
  std::string service;  // empty: all
};
int audit(const Context& context, const AuditOptions& options);
struct TracesOptions {
  std::string since = "15m";
  std::string service, route, text;
  std::string min;  // "200ms"; empty: any
  bool error = false, denied = false;
  int limit = 20;
};
int traces(const Context& context, const TracesOptions& options);
int trace(const Context& context, const std::string& id);  // a trace's or a request's
struct WhyOptions {
  std::string id;  // a trace's or a request's; empty: what went wrong most
  std::string service;
  std::string since = "15m";
};
int why(const Context& context, const WhyOptions& options);
struct EdgesOptions {
  std::string since = "15m";
  bool denied = false;  // only those on which something was refused
  bool fresh = false;   // only those that were never used before
};
int edges(const Context& context, const EdgesOptions& options);
int metrics(const Context& context, const std::string& service,
            const std::string& since);  // service empty: of the gateway
int policy_suggest(const Context& context, const std::string& since);
// kFailed where a verdict would change.
int policy_try(const Context& context, const std::string& file, const std::string& since);
int logs_of_trace(const Context& context, const LogsOptions& options);
int console(const Context& context);
int console_token(const Context& context, int days);
// A fresh address of the console; "" where the collector is not there.
std::string console_url(const control::Places& places);
int contract_show(const Context& context);
// kFailed where something breaks callers.
int contract_diff(const Context& context, const std::string& before, const std::string& after);
struct ApiKeyOptions {
  std::string id;
  std::vector<std::string> scopes;
  std::string expires;  // as the manifest takes it; empty: never
};
// The key on standard output, what the manifest says of it beside.
int api_key(const ApiKeyOptions& options);
int completion(const std::string& shell);
int doctor(const Context& context);
int image_list(const Context& context);
int image_remove(const std::string& name);
// The images that the manifest names, into opened.desired; says what an image asks that it does not get.
int unpack_images(Opened& opened);
// "catalog, gateway"
std::string spoken_names(const std::set<std::string>& services);
// Nothing runs unsealed: where the host can not do it, says what is missing and how to get it.
bool host_is_able();

// The whole command line. The roles (keeper, sidecar, …) are not here: the program's main knows them.
int run(int argc, char** argv);

}  // namespace bulkhead::cli
