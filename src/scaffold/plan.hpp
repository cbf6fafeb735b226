#pragma once

// What a manifest is going to say, and what has to be said about it: what both readers (a folder, a Compose file) make
// and write() turns into text.

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace bulkhead::scaffold {

// All values are as the manifest writes them: `$$` is a dollar sign, ${NAME:-default} a variable. A `why` becomes a
// comment beside what it explains; "" is none.

enum class Protocol : std::uint8_t { http, grpc, tcp };

struct PortPlan {
  std::uint16_t number = 0;
  Protocol protocol = Protocol::http;
  std::string why;
};

struct CallPlan {
  std::string service;
  std::uint16_t at = 0;  // a port of localhost where the callee answers as well; 0 is none
  std::string why;
};

struct MountPlan {
  std::string from;
  std::string to;
  bool writable = false;
  std::string why;
};

struct VariablePlan {
  std::string name;
  std::string value;
  std::string why;
};

struct SecretPlan {
  std::string name;
  std::string source;  // file, environment
  std::string from;
  std::string why;
};

// Of a service.
struct GrantedSecretPlan {
  std::string source;
  std::string target;  // "" is the same
  std::string env;
  std::string mode;
};

// A file that `init` writes beside the manifest, for its owner alone. Values that stood in what was read.
struct SecretFilePlan {
  std::string path;
  std::string content;
};

struct EgressPlan {
  std::string name;
  std::string address;  // "https://api.mail.example"
  std::string why;
};

struct HealthPlan {
  std::string type;  // "tcp", or "" where `path` or the guess says it
  std::string path;
  std::uint16_t port = 0;
  std::string interval, timeout, start_period;
  std::string retries;
  bool empty() const {
    return type.empty() && path.empty() && interval.empty() && timeout.empty() && start_period.empty() &&
           retries.empty();
  }
};

struct DependencyPlan {
  std::string service;
  std::string condition;  // started, ready, done
};

struct ServicePlan {
  std::string name;
  std::string why;  // what it is and where that was seen
  bool is_job = false;
  std::string dir;
  std::vector<std::string> command;
  std::string command_why;
  std::string build;      // a line for a shell, "" is none
  std::string build_dir;  // where it runs, "" is `dir`
  std::string rootfs;
  std::vector<MountPlan> mounts;
  std::vector<PortPlan> ports;
  std::vector<VariablePlan> environment;
  std::vector<std::string> env_files;
  std::vector<GrantedSecretPlan> secrets;
  std::vector<CallPlan> calls;
  std::vector<EgressPlan> egress;
  std::vector<std::pair<std::string, std::string>> limits;  // key, value
  HealthPlan health;
  std::string scale;
  std::vector<DependencyPlan> depends_on;
  std::vector<std::string> profiles;
  std::string stop_grace;

  VariablePlan* variable(std::string_view name);
  const CallPlan* call(std::string_view service) const;
  // Declares a call unless it is declared; the first reason stays.
  void add_call(CallPlan call);
  void add_mount(MountPlan mount);
};

struct RoutePlan {
  std::string to;
  std::string host;
  std::string path = "/*";
  std::string why;
};

struct GatewayPlan {
  std::string listen;  // "" is the default
  std::string listen_why;
  bool plain_http = false;
  std::vector<RoutePlan> routes;
};

// Something a person has to do before it runs.
struct Edit {
  std::string service;  // whose part of the manifest it is about; "" is none
  std::string key;      // the key there, "" the service itself
  std::string text;     // what to do and why, one line
  std::string run;    // the command that does it, for a shell in the manifest's directory; "" where a line is to change
  std::string write;  // what the line should read, as far as that is known
  int line = 0;       // of the manifest, from write(); 0 where it is about no line
};

// Something that stands in what was read and not in the manifest, or not as it was; nothing has to be done about it.
struct LeftOut {
  std::string service;  // "" is the whole file
  std::string key;
  int line = 0;  // in what was read
  std::string why;
};

struct Plan {
  std::string app;
  std::string head;  // the first comment
  std::vector<ServicePlan> services;
  std::vector<SecretPlan> secrets;
  std::vector<SecretFilePlan> secret_files;
  GatewayPlan gateway;
  std::vector<Edit> edits;
  std::vector<LeftOut> left_out;
  std::set<std::string> packages;  // of Debian, that the programs need

  ServicePlan* service(std::string_view name);
  const ServicePlan* service(std::string_view name) const;
  // Adds it unless the same command is there already.
  void add_edit(Edit edit);
  // The same, before those that are there: what changes a text precedes what builds it.
  void add_first_edit(Edit edit);
};

// `$` doubled, so that the manifest means the text itself.
std::string escaped(std::string_view literal);

// The nearest name that a service or application may have: lower case, digits and '-', a letter first.
std::string name_for(std::string_view text);

}  // namespace bulkhead::scaffold
