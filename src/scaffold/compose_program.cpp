// One service's program: an image that is known, or what its folder has.

#include <algorithm>

#include <fmt/format.h>

#include "manifest/parse.hpp"
#include "scaffold/compose_draft.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

std::vector<std::string> command_words(ComposeContext& context, const Node& node) {
  std::vector<std::string> words;
  if (node.kind == Node::Kind::scalar) {
    if (auto parts = manifest::split_command(context.text(node))) words = *parts;
  } else {
    for (const NodePtr& item : node.items)
      if (item->kind == Node::Kind::scalar) words.push_back(context.text(*item));
  }
  return words;
}

std::vector<std::string> all_escaped(const std::vector<std::string>& words) {
  std::vector<std::string> result;
  for (const std::string& word : words) result.push_back(escaped(word));
  return result;
}

// A directory of the build context that an image has as its working directory; "" is the context itself.
std::string copied_directory(const ComposeContext& context, const ComposeService& service) {
  const Folder& folder = context.input().folder;
  std::string found;
  for (const Dockerfile::Copy& copy : service.dockerfile.copies) {
    if (copy.of_stage) continue;
    std::string to = copy.to;
    while (to.size() > 1 && to.ends_with('/')) to.pop_back();
    std::string from = tidy_path(copy.from).value_or("");
    if (to != service.dockerfile.workdir) continue;
    if (from.empty()) return "";
    if (folder.directories.contains(join_path(service.context, from))) found = from;
  }
  return found;
}

bool is_program_of_host(ImageKind kind) {
  return kind == ImageKind::python || kind == ImageKind::node || kind == ImageKind::java || kind == ImageKind::ruby ||
         kind == ImageKind::php || kind == ImageKind::system;
}

// Words after the program's own name, which an image's entry point would add.
std::vector<std::string> arguments_of(std::vector<std::string> words,
                                      std::initializer_list<std::string_view> programs) {
  if (!words.empty() && std::ranges::find(programs, base_name(words.front())) != programs.end())
    words.erase(words.begin());
  return words;
}

class ProgramReader {
 public:
  ProgramReader(ComposeContext& context, ComposeService& service) : context_(context), service_(service) {}

  void run() {
    read_words();
    switch (service_.image.kind) {
      case ImageKind::postgres: return postgres();
      case ImageKind::redis: return redis();
      case ImageKind::memcached: return memcached();
      case ImageKind::mariadb: return mariadb();
      case ImageKind::rabbitmq: return rabbitmq();
      case ImageKind::nginx:
        if (only_serves_files()) return nginx();
        break;
      case ImageKind::proxy:
        if (!service_.is_built) return proxy();
        break;
      default: break;
    }
    bool runs_here = service_.is_built || is_program_of_host(service_.image.kind);
    if (!runs_here) return unknown();
    own();
  }

 private:
  void read_words() {
    if (const Node* node = find(*service_.node, "entrypoint")) {
      entrypoint_ = command_words(context_, *node);
      entrypoint_is_given_ = true;
    } else {
      entrypoint_ = all_escaped(service_.dockerfile.entrypoint);
    }
    if (const Node* node = find(*service_.node, "command")) {
      command_ = command_words(context_, *node);
      command_is_given_ = true;
    } else if (!entrypoint_is_given_) {
      command_ = all_escaped(service_.dockerfile.command);
    }
  }

  std::vector<std::string> whole() const {
    std::vector<std::string> words = entrypoint_;
    bool shell = service_.dockerfile.entrypoint_is_shell && !entrypoint_is_given_;
    if (!shell) words.insert(words.end(), command_.begin(), command_.end());
    return words;
  }

  // Paths of the image as they are in the compartment.
  std::vector<std::string> moved(std::vector<std::string> words) const {
    for (std::string& word : words)
      for (const auto& [from, to] : service_.moved) {
        if (word == from) word = to;
        word = replaced(word, from + "/", to + "/");
      }
    return words;
  }

  std::uint16_t port_of_program(std::uint16_t usual) const {
    for (std::size_t i = 0; i + 1 < command_.size(); ++i)
      if (command_[i] == "--port" || command_[i] == "-p")
        if (auto port = port_of(context_.value(command_[i + 1]))) return *port;
    return usual;
  }

  void says(std::string_view program) {
    service_.plan.why = fmt::format("{} as Debian has it, for the image {}", program,
                                    service_.image_text.empty() ? service_.dockerfile.image : service_.image_text);
  }

  void version_note(std::string_view program, std::string_view debian) {
    context_.leave_out(service_, "image", key_line("image"),
                       fmt::format("the version is Debian's {} {}, not the image's", program, debian));
  }

  int key_line(std::string_view key) const {
    const auto& entries = service_.node->entries;
    auto found = std::ranges::find(entries, key, &manifest::Entry::key);
    return found == entries.end() ? service_.line : found->mark.line;
  }

  void postgres() {
    says("PostgreSQL");
    context_.plan().packages.insert("postgresql");
    version_note("PostgreSQL", "15");
    std::erase_if(service_.plan.environment, [](const VariablePlan& each) { return each.name == "PGDATA"; });
    allow_without_password();
    service_.plan.command = postgres_command(moved(arguments_of(command_, {"postgres"})), 5432);
    service_.plan.ports = {{5432, Protocol::tcp, ""}};
  }

  // Images of former years let everybody in where no password is set, and files that rely on it are still about.
  void allow_without_password() {
    bool said = std::ranges::any_of(service_.plan.environment, [](const VariablePlan& each) {
      return each.name.starts_with("POSTGRES_PASSWORD") || each.name == "POSTGRES_HOST_AUTH_METHOD";
    });
    if (said || !service_.plan.env_files.empty()) return;
    set_variable(service_, "POSTGRES_HOST_AUTH_METHOD", "trust",
                 "no POSTGRES_PASSWORD is set: whoever is declared to call it needs none");
    context_.leave_out(service_, "environment", service_.line,
                       "no POSTGRES_PASSWORD is set: its declared callers, and nobody else, get in without one");
  }

  void redis() {
    says("Redis");
    context_.plan().packages.insert("redis-server");
    if (service_.image.name != "redis" || !service_.image.tag.starts_with('7')) version_note("Redis", "7.0");
    std::uint16_t port = port_of_program(6379);
    std::vector<std::string> words = arguments_of(command_, {"redis-server", "valkey-server"});
    bool shell = !words.empty() && (words.front() == "sh" || words.front() == "/bin/sh" || words.front() == "bash");
    service_.plan.command = shell ? host_command(moved(words), place()).words : redis_command(moved(words), port);
    service_.plan.ports = {{port, Protocol::tcp, ""}};
  }

  void mariadb() {
    says("MariaDB");
    context_.plan().packages.insert({"mariadb-server-core", "mariadb-client-core"});
    version_note("MariaDB", "10.11");
    std::vector<std::string> words = moved(arguments_of(command_, {"mysqld", "mariadbd"}));
    std::erase_if(words, [&](const std::string& word) {
      bool foreign = contains_any(
          word, {"authentication-plugin", "authentication_plugin", "mysql-native-password", "authentication-policy"});
      if (foreign)
        context_.leave_out(service_, "command", key_line("command"),
                           word + " is an option of MySQL alone: MariaDB's passwords are of that kind anyway");
      return foreign;
    });
    service_.plan.command = mariadb_command(words, 3306);
    service_.plan.ports = {{3306, Protocol::tcp, ""}};
  }

  void rabbitmq() {
    says("RabbitMQ");
    context_.plan().packages.insert("rabbitmq-server");
    version_note("RabbitMQ", "3.10");
    bool management = contains(service_.image.tag, "management");
    service_.plan.command = rabbitmq_command(management);
    service_.plan.ports = {{5672, Protocol::tcp, ""}};
    if (management) service_.plan.ports.push_back({15672, Protocol::http, "its management"});
  }

  void memcached() {
    says("memcached");
    context_.plan().packages.insert("memcached");
    std::uint16_t port = port_of_program(11211);
    service_.plan.command = memcached_command(arguments_of(command_, {"memcached"}), port);
    service_.plan.ports = {{port, Protocol::tcp, ""}};
  }

  // It starts nginx and nothing else.
  bool only_serves_files() const {
    if (entrypoint_is_given_) return false;
    return command_.empty() || base_name(command_.front()) == "nginx";
  }

  void nginx() {
    says("nginx");
    context_.plan().packages.insert("nginx-light");
    const Folder& folder = context_.input().folder;
    std::string whole_file;
    std::vector<std::string> sites;
    std::string root = "/usr/share/nginx/html";
    if (service_.is_built) nginx_copies(folder, whole_file, sites, root);
    for (MountPlan& mount : service_.plan.mounts) {
      if (mount.to == "/etc/nginx/nginx.conf") {
        mount.to = "/etc/nginx-conf/nginx.conf";
        whole_file = mount.to;
      } else if (mount.to.starts_with("/etc/nginx/conf.d") || mount.to.starts_with("/etc/nginx/sites-enabled") ||
                 mount.to.starts_with("/etc/nginx/templates")) {
        bool is_file = mount.to.ends_with(".conf") || mount.to.ends_with(".template") || mount.to.ends_with("/default");
        mount.to = is_file ? "/etc/nginx-conf.d/" + base_name(mount.to) : "/etc/nginx-conf.d";
        sites.push_back(is_file ? mount.to : "/etc/nginx-conf.d/*.conf");
      } else if (mount.to.starts_with("/usr/share/nginx/html")) {
        root = "/srv" + mount.to.substr(std::string_view("/usr/share/nginx").size());
        mount.to = root;
      }
    }
    service_.plan.add_mount({"/etc/nginx", "/etc/nginx", false, "its mime.types"});
    std::uint16_t port = nginx_port(folder);
    service_.plan.command = nginx_command(whole_file, sites, root, port);
    service_.plan.ports = {{port, Protocol::http, ""}};
  }

  void nginx_copies(const Folder& folder, std::string& whole_file, std::vector<std::string>& sites, std::string& root) {
    for (const Dockerfile::Copy& copy : service_.dockerfile.copies) {
      std::string from = tidy_path(copy.from).value_or("");
      std::string path = join_path(service_.context, from);
      if (copy.of_stage || !folder.has(path)) continue;
      std::string host = context_.from_manifest(path);
      if (copy.to.starts_with("/etc/nginx/nginx.conf")) {
        whole_file = "/etc/nginx-conf/nginx.conf";
        service_.plan.add_mount({host, whole_file, false, ""});
        service_.configurations.push_back(path);
      } else if (copy.to.starts_with("/etc/nginx/conf.d") || copy.to.starts_with("/etc/nginx/sites-enabled")) {
        sites.push_back("/etc/nginx-conf.d/" + base_name(from));
        service_.plan.add_mount({host, sites.back(), false, ""});
        service_.configurations.push_back(path);
      } else if (copy.to.starts_with("/usr/share/nginx/html") && folder.directories.contains(path)) {
        root = "/srv/html";
        service_.plan.add_mount({host, root, false, ""});
      }
    }
  }

  // What its configuration listens on.
  std::uint16_t nginx_port(const Folder& folder) const {
    for (const std::string& path : service_.configurations)
      for (std::string_view line : lines_of(folder.text(path))) {
        std::size_t at = trimmed(line).starts_with('#') ? std::string_view::npos : line.find("listen ");
        if (at == std::string_view::npos) continue;
        std::vector<std::string> words = split(line.substr(at + 7), " \t;}");
        if (words.empty() || contains(words.front(), "[")) continue;
        if (auto port = port_of(words.front().substr(words.front().rfind(':') + 1))) return *port;
      }
    return 80;
  }

  void proxy() {
    service_.is_dropped = true;
    context_.leave_out(service_, "image", key_line("image"),
                       fmt::format("the gateway does the work of {}: its routes are below 'gateway' of the manifest",
                                   service_.image.name));
  }

  // An image of which nothing is known here: its files can be the root of a compartment.
  void unknown() {
    std::string name = service_.plan.name;
    service_.plan.why = fmt::format("the image {}, unpacked", service_.image_text);
    service_.plan.rootfs = "./images/" + name + "/rootfs";
    service_.plan.command = moved(whole());
    bool known = !service_.plan.command.empty() && (entrypoint_is_given_ || command_is_given_);
    if (service_.plan.command.empty())
      service_.plan.command = {"/bin/sh", "-c", "echo 'the command of this image is not known yet' >&2; exit 1"};
    PortPlan port = port_of_image(service_.image);
    if (port.number != 0) service_.plan.ports = {port};
    context_.plan().add_edit(
        {name, "command",
         fmt::format("the image '{}' ({}) is no program of this host: unpack it{}", service_.image_text,
                     context_.place(key_line("image")),
                     known ? ", and write its entry point before the command here, if it has one"
                           : ", and write its entry point and command (skopeo inspect --config) here"),
         fmt::format("mkdir -p images && skopeo copy docker://{0} oci:images/{1}-oci:latest && umoci unpack --rootless "
                     "--image images/{1}-oci:latest images/{1}",
                     shell_word(context_.value(service_.image_text)), name),
         known ? "" : "    command: [/the/program, its, arguments]"});
  }

  Place place() const {
    return {context_.input().folder, context_.input().host, service_.context, service_.workdir,
            &service_.dockerfile.copies};
  }

  void own() {
    choose_directory();
    if (service_.plan.dir.empty()) service_.plan.dir = context_.from_manifest(service_.context);
    std::vector<std::string> words = moved(whole());
    if (words.empty() && service_.is_built) words = words_without_dockerfile();
    if (words.empty()) return no_command();
    HostCommand command = host_command(words, place());
    for (const auto& [name, value] : command.environment) set_variable(service_, name, value);
    for (const std::string& note : command.notes) context_.leave_out(service_, "command", key_line("command"), note);
    context_.plan().packages.insert(command.packages.begin(), command.packages.end());
    service_.plan.command = command.words;
    if (service_.plan.command.empty()) return no_command();
    if (service_.is_built)
      service_.plan.why = "from " + (service_.dockerfile_path.empty() ? service_.context : service_.dockerfile_path);
    take_steps(command);
  }

  // The folder that stands at the image's working directory: by a mount, or by COPY.
  void choose_directory() {
    if (service_.is_built && service_.context_is_seen) {
      std::string copied = copied_directory(context_, service_);
      if (!copied.empty()) service_.context = join_path(service_.context, copied);
    }
    auto& mounts = service_.plan.mounts;
    std::string wanted = service_.workdir.empty() ? "/app" : service_.workdir;
    auto source = std::ranges::find_if(mounts, [&](const MountPlan& each) { return each.to == wanted; });
    if (source == mounts.end() && !service_.is_built)
      source = std::ranges::find_if(mounts, [&](const MountPlan& each) {
        return !each.from.starts_with('/') && !contains(base_name(each.to), ".");
      });
    if (source == mounts.end()) return;
    if (service_.workdir.empty()) service_.workdir = source->to;
    bool below = service_.workdir != source->to && service_.workdir.starts_with(source->to + "/");
    std::string from = below ? join_path(source->from, service_.workdir.substr(source->to.size() + 1)) : source->from;
    if (!below && service_.workdir != source->to) return;
    std::string here = from.starts_with("./") ? from.substr(2) : from == "." ? "" : from;
    std::string prefix = context_.input().from_manifest.empty() ? "" : context_.input().from_manifest + "/";
    if (!prefix.empty() && here.starts_with(prefix)) here = here.substr(prefix.size());
    if (here == context_.input().from_manifest) here.clear();
    bool seen = !from.starts_with('/') && context_.input().folder.directories.contains(here);
    service_.plan.dir = from;
    if (seen) service_.context = here;
    mounts.erase(source);
  }

  std::vector<std::string> words_without_dockerfile() const {
    const Folder& folder = context_.input().folder;
    if (!npm_script(folder.text(join_path(service_.context, "package.json")), "start").empty()) return {"npm", "start"};
    for (std::string_view name : {"app.py", "main.py", "server.py"})
      if (folder.find(join_path(service_.context, name))) return {"python", std::string(name)};
    for (std::string_view name : {"server.js", "index.js", "app.js"})
      if (folder.find(join_path(service_.context, name))) return {"node", std::string(name)};
    return {};
  }

  void no_command() {
    service_.plan.command = {"/bin/sh", "-c", "echo 'the command of this service is not known yet' >&2; exit 1"};
    std::string where =
        service_.is_built
            ? (service_.dockerfile_path.empty() ? fmt::format("no Dockerfile was found in '{}'", service_.context)
                                                : service_.dockerfile_path + " has no CMD")
            : fmt::format("what the image '{}' runs by itself is not known here", service_.image_text);
    context_.plan().add_edit({service_.plan.name, "command", where + ": write the program and its arguments", "",
                              "    command: [/usr/bin/python3, app.py]"});
  }

  void take_steps(const HostCommand& command) {
    Steps steps = steps_for(service_.dockerfile.runs, command, place());
    for (const std::string& note : steps.notes) context_.leave_out(service_, "build", key_line("build"), note);
    context_.plan().packages.insert(steps.packages.begin(), steps.packages.end());
    service_.plan.build = escaped(steps.build);
    if (std::string dir = context_.from_manifest(service_.context); !steps.build.empty() && dir != service_.plan.dir)
      service_.plan.build_dir = dir;
    if (steps.python_packages) set_variable(service_, "PYTHONPATH", "/app/.packages", "where pip puts what it fetches");
    for (Step& step : steps.steps) {
      std::string prefix = context_.input().from_manifest;
      std::string run =
          step.run.empty() || prefix.empty() ? step.run : fmt::format("(cd {} && {})", shell_word(prefix), step.run);
      context_.plan().add_edit({service_.plan.name, "command", step.text, run, ""});
    }
  }

  ComposeContext& context_;
  ComposeService& service_;
  std::vector<std::string> entrypoint_;
  std::vector<std::string> command_;
  bool entrypoint_is_given_ = false;
  bool command_is_given_ = false;
};

}  // namespace

void read_program(ComposeContext& context, ComposeService& service) { ProgramReader(context, service).run(); }

}  // namespace bulkhead::scaffold
