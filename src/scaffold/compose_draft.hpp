#pragma once

// What the parts of the Compose reader hand to each other. Internal to this folder.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "manifest/tree.hpp"
#include "scaffold/command.hpp"
#include "scaffold/compose.hpp"
#include "scaffold/compose_keys.hpp"
#include "scaffold/images.hpp"
#include "scaffold/plan.hpp"

namespace bulkhead::scaffold {

using manifest::Node;
using manifest::NodePtr;

struct Published {
  std::string host_port;  // as the manifest writes it, "" where Docker picks one
  std::uint16_t target = 0;
  int line = 0;
};

// One service on its way.
struct ComposeService {
  std::string original;  // its name in the Compose file
  const Node* node = nullptr;
  const Node* build = nullptr;  // of another service, whose image it has
  int line = 0;
  ServicePlan plan;
  Image image;
  std::string image_text;
  bool is_built = false;
  std::string context;          // the build context, as a path of the folder
  bool context_is_seen = true;  // it lies in the folder
  Dockerfile dockerfile;
  std::string dockerfile_path;
  std::string workdir;  // what its command takes for its directory; that is /app inside
  std::vector<Published> published;
  std::vector<std::uint16_t> exposed;
  std::map<std::string, std::string> moved;         // a path of the image, and where that stands in the compartment
  std::vector<std::string> env_texts;               // its env_file entries, as paths of the folder
  std::vector<std::string> configurations;          // files of the folder that are mounted, to be looked at for names
  std::vector<std::string> links;                   // services that the file itself connects it with
  std::map<std::string, std::string> dependencies;  // service, condition
  std::map<std::string, int> dependency_lines;
  bool is_dropped = false;
};

// Names, variables and remarks, for all parts.
class ComposeContext {
 public:
  ComposeContext(const ComposeInput& input, Plan& plan);

  const ComposeInput& input() const { return input_; }
  Plan& plan() { return plan_; }

  // As the manifest writes it: what is not set gets the default that it has for Compose.
  std::string text(const Node& node);
  std::string text(std::string_view written);
  // With the variables put in, to look at.
  std::string value(std::string_view written) const;
  std::string value(const Node& node) const { return value(node.text); }

  void leave_out(const ComposeService& service, std::string key, int line, std::string why);
  // A line where everything of that part is listed that is not converted. `prefix` is what precedes the key's name.
  void check_keys(const ComposeService* service, const Node& node, ComposePart part, const std::string& prefix);

  // The name here of what is called so there (a service, its container, an alias); "" where nothing is.
  std::string service_called(std::string_view host) const;
  void add_name(const std::string& host, const std::string& service) { names_.emplace(host, service); }
  const std::map<std::string, std::string, std::less<>>& names() const { return names_; }

  // A path beside the Compose file as one of the manifest.
  std::string from_manifest(const std::string& path) const;
  std::string place(int line) const;  // "compose.yaml:7"

  const std::set<std::string>& variables_wanted() const { return wanted_; }

 private:
  std::string variable(std::string_view inside);
  std::optional<std::string> known(std::string_view name) const;

  const ComposeInput& input_;
  Plan& plan_;
  std::map<std::string, std::string, std::less<>> dot_env_;
  std::map<std::string, std::string, std::less<>> names_;
  std::set<std::string> wanted_;  // of .env, too secret to be written down
};

const Node* find(const Node& node, std::string_view key);
// A list's items or the one scalar.
std::vector<const Node*> items_of(const Node& node);

// Sets a variable of the service, in the place of one of that name.
void set_variable(ComposeService& service, const std::string& name, std::string value, const std::string& why = "");

void read_environment(ComposeContext& context, ComposeService& service);
void read_program(ComposeContext& context, ComposeService& service);
void read_volumes(ComposeContext& context, ComposeService& service);
void read_configs(ComposeContext& context, ComposeService& service, const Node& file);
void read_secrets(ComposeContext& context, ComposeService& service, const Node& file);
// What the paths that moved mean for the environment, and which mounts the directory makes needless.
void settle_paths(ComposeContext& context, ComposeService& service);
void drop_needless_mounts(ComposeContext& context, ComposeService& service);
void read_ports(ComposeContext& context, ComposeService& service);
void read_bounds(ComposeContext& context, ComposeService& service);
void read_health(ComposeContext& context, ComposeService& service);
// Where each listens, who calls whom, in which order they start.
void connect(ComposeContext& context, std::vector<ComposeService>& services);
// What is reachable from outside.
void open_gateway(ComposeContext& context, std::vector<ComposeService>& services);

}  // namespace bulkhead::scaffold
