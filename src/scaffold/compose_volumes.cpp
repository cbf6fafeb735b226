// Volumes, binds and configs: what a service sees besides its folder.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "scaffold/compose_draft.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

bool is_below(std::string_view path, std::string_view tree) {
  return path.starts_with(tree) && (path.size() == tree.size() || path[tree.size()] == '/');
}

template <std::size_t N>
bool is_below_any(std::string_view path, const std::array<std::string_view, N>& trees) {
  return std::ranges::any_of(trees, [&](std::string_view tree) { return is_below(path, tree); });
}

constexpr std::array<std::string_view, 5> kHostTrees{"/proc", "/sys", "/dev", "/run", "/var/run"};
// Where nothing can be mounted, or nothing can be made to mount at.
constexpr std::array<std::string_view, 10> kClosed{"/proc", "/sys", "/dev",  "/run", "/var/run",
                                                   "/usr",  "/bin", "/sbin", "/lib", "/lib64"};

struct Volume {
  std::string type;  // bind, volume, tmpfs, ...
  std::string source;
  std::string target;
  bool read_only = false;
  int line = 0;
};

bool is_path(std::string_view source) {
  return source.starts_with('/') || source.starts_with('.') || source.starts_with('~');
}

Volume short_volume(const std::string& text) {
  std::vector<std::string> parts;
  std::string_view rest = text;
  for (std::size_t colon = rest.find(':'); colon != std::string_view::npos; colon = rest.find(':')) {
    parts.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(colon + 1);
  }
  parts.emplace_back(rest);
  Volume volume;
  if (parts.size() == 1) {
    volume.target = parts[0];
  } else {
    volume.source = parts[0];
    volume.target = parts[1];
  }
  if (parts.size() > 2) {
    auto modes = split(parts[2], ",");
    volume.read_only = std::ranges::find(modes, "ro") != modes.end();
  }
  volume.type = is_path(volume.source) ? "bind" : "volume";
  return volume;
}

class VolumeReader {
 public:
  VolumeReader(ComposeContext& context, ComposeService& service) : context_(context), service_(service) {}

  void run(const Node& node) {
    for (const Node* item : items_of(node)) {
      Volume volume = item->kind == Node::Kind::map ? long_volume(*item) : short_volume(context_.value(*item));
      volume.line = item->mark.line;
      while (volume.target.size() > 1 && volume.target.ends_with('/')) volume.target.pop_back();
      if (!volume.target.starts_with('/') || !tidy_path(volume.target))
        leave_out(volume, "its target is no absolute path");
      else if (volume.type == "bind")
        take_bind(volume);
      else if (volume.type == "volume")
        take_named(volume);
      else
        leave_out(volume, "only /data and /tmp can be written");
    }
  }

  void mount(const std::string& from, std::string to, int line, bool moves) {
    bool in_folder = service_.workdir.size() > 1 && is_below(to, service_.workdir);
    if (moves && !in_folder && is_below_any(to, kClosed)) {
      std::string other = "/mnt" + to;
      service_.moved.emplace(to, other);
      to = other;
    }
    if (to == "/" || to == "/etc" || to == "/etc/passwd" || to == "/etc/group" || to == "/etc/hosts" ||
        to == "/etc/resolv.conf" || to == "/etc/nsswitch.conf")
      return context_.leave_out(
          service_, "volumes", line,
          fmt::format("nothing can be mounted at {}: the compartment's own system stands there", to));
    service_.plan.add_mount({escaped(context_.from_manifest(from)), escaped(to), false, ""});
  }

 private:
  Volume long_volume(const Node& node) {
    context_.check_keys(&service_, node, ComposePart::volume, "volumes.");
    Volume volume{.type = "volume"};
    if (const Node* found = find(node, "type")) volume.type = context_.value(*found);
    if (const Node* found = find(node, "source")) volume.source = context_.value(*found);
    if (const Node* found = find(node, "target")) volume.target = context_.value(*found);
    if (const Node* found = find(node, "read_only")) volume.read_only = found->text == "true";
    return volume;
  }

  void leave_out(const Volume& volume, std::string why) {
    std::string what = volume.source.empty() ? volume.target : volume.source + ":" + volume.target;
    context_.leave_out(service_, "volumes", volume.line, what + ": " + std::move(why));
  }

  bool is_data_directory(const std::string& target) const {
    std::string_view data = data_directory_of(service_.image.kind);
    return !data.empty() && is_below(target, data);
  }

  // Scripts of a health check, which no compartment runs.
  bool serves_health_check(const std::string& target) const {
    const Node* check = find(*service_.node, "healthcheck");
    const Node* test = check ? find(*check, "test") : nullptr;
    if (!test || target.size() < 2) return false;
    std::vector<const Node*> words = items_of(*test);
    return std::ranges::any_of(
        words, [&](const Node* word) { return word->text.starts_with(target + "/") || word->text == target; });
  }

  void take_named(const Volume& volume) {
    if (is_data_directory(volume.target) || is_below(volume.target, "/data"))
      return leave_out(volume, "it is kept in /data, the service's own volume");
    if (volume.source.empty()) return leave_out(volume, "the program sees its folder as it is on the host");
    if (contains_any(volume.target, {"node_modules", "/venv", ".venv", "/vendor", "/.next", "/__pycache__",
                                     "site-packages", "/.cache", "/target", "/.m2", "/.gradle"}))
      return leave_out(volume, "what was fetched lies in the folder on the host");
    bool cache = service_.workdir.size() > 1 && is_below(volume.target, service_.workdir) &&
                 contains(volume.source + volume.target, "cache");
    if (cache) return leave_out(volume, "a cache in the program's folder, which is read-only");
    service_.moved.emplace(volume.target, "/data/" + name_for(volume.source));
    volumes_.push_back(volume);
  }

  void take_bind(const Volume& volume) {
    const std::string& source = volume.source;
    if (is_below_any(source, kHostTrees) || source.ends_with(".sock"))
      return leave_out(volume, "sockets and kernel files of the host lead past the sidecar");
    if (source == "/etc/localtime" || source == "/etc/timezone")
      return leave_out(volume, "a compartment has the host's");
    if (source == "/" || source == "/var") return leave_out(volume, "the host's system as a whole cannot be mounted");
    bool keeps = (is_data_directory(volume.target) && !source.ends_with(".conf")) ||
                 (is_below(volume.target, "/data") && !volume.read_only);
    if (keeps)
      return leave_out(volume,
                       "it is kept in /data, the service's own volume; what is in the folder is not taken over");
    if (serves_health_check(volume.target)) return leave_out(volume, "only its health check uses it");
    auto tidy = source.starts_with('.') ? tidy_path(source) : std::nullopt;
    const Folder& folder = context_.input().folder;
    bool there = !tidy || folder.has(*tidy);
    if (!there) {
      return context_.plan().add_edit(
          {service_.plan.name, "mounts",
           fmt::format("{} ({}) is not there: once it is, mount it", source, context_.place(volume.line)), "",
           fmt::format("    mounts: [\"{}:{}\"]", context_.from_manifest(source), volume.target)});
    }
    if (tidy && folder.find(*tidy)) service_.configurations.push_back(*tidy);
    if (tidy && folder.directories.contains(*tidy) && service_.image.kind == ImageKind::nginx)
      for (const std::string& path : folder.below(*tidy)) service_.configurations.push_back(path);
    bool is_folder = !tidy || folder.directories.contains(*tidy);
    if (is_folder && !volume.read_only)
      leave_out(volume,
                "mounted read-only: a program that writes there needs ':rw' in the manifest and a folder that others "
                "may write");
    mount(source, volume.target, volume.line, service_.image.kind != ImageKind::nginx);
  }

 public:
  // What is kept elsewhere than at /data needs a word to the program, unless its environment or command has the path.
  void ask_for_paths() {
    for (const Volume& volume : volumes_) {
      bool said = std::ranges::any_of(service_.plan.environment,
                                      [&](const VariablePlan& each) { return contains(each.value, volume.target); });
      for (std::string_view key : {"command", "entrypoint"})
        if (const Node* node = find(*service_.node, key))
          for (const Node* item : items_of(*node)) said = said || contains(item->text, volume.target);
      std::string inside = service_.moved.at(volume.target);
      if (said) {
        leave_out(volume, fmt::format("it is kept in {}, and the environment or command says so", inside));
      } else {
        context_.plan().add_edit({service_.plan.name, "environment",
                                  fmt::format("the volume {} ({}): only /data can be written, so let the program keep "
                                              "that in {} instead of {}, by a setting of it",
                                              volume.source, context_.place(volume.line), inside, volume.target),
                                  "", ""});
      }
    }
  }

 private:
  ComposeContext& context_;
  ComposeService& service_;
  std::vector<Volume> volumes_;
};

void read_config(ComposeContext& context, ComposeService& service, const Node& item, const Node* sources) {
  std::string source;
  std::string target;
  if (item.kind == Node::Kind::map) {
    context.check_keys(&service, item, ComposePart::config, "configs.");
    if (const Node* found = find(item, "source")) source = context.value(*found);
    if (const Node* found = find(item, "target")) target = context.value(*found);
  } else {
    source = context.value(item);
  }
  if (target.empty()) target = source;
  if (!target.starts_with('/')) target.insert(0, "/");
  const Node* declared = sources ? find(*sources, source) : nullptr;
  const Node* file = declared ? find(*declared, "file") : nullptr;
  std::string path = file ? context.value(*file) : "";
  auto tidy = path.starts_with('/') ? std::nullopt : tidy_path(path);
  std::string inside = target.starts_with("/run/") ? target.substr(4) : target;
  if (inside != target) service.moved.emplace(target, inside);
  if (!file || (tidy && !context.input().folder.has(*tidy))) {
    context.plan().add_edit(
        {service.plan.name, "mounts",
         fmt::format("the config '{}' ({}) is no file that is there: write it to one that the service may read", source,
                     context.place(item.mark.line)),
         "", fmt::format("    mounts: [\"./{}:{}\"]", name_for(source), inside)});
    return;
  }
  VolumeReader(context, service).mount(path, inside, item.mark.line, true);
}

}  // namespace

void read_volumes(ComposeContext& context, ComposeService& service) {
  const Node* node = find(*service.node, "volumes");
  if (!node) return;
  VolumeReader reader(context, service);
  reader.run(*node);
  reader.ask_for_paths();
}

void read_configs(ComposeContext& context, ComposeService& service, const Node& file) {
  const Node* node = find(*service.node, "configs");
  if (!node) return;
  for (const Node* item : items_of(*node)) read_config(context, service, *item, find(file, "configs"));
}

void settle_paths(ComposeContext&, ComposeService& service) {
  for (VariablePlan& variable : service.plan.environment)
    for (const auto& [from, to] : service.moved) {
      if (variable.value == from) variable.value = to;
      variable.value = replaced(variable.value, from + "/", to + "/");
      if (variable.value.ends_with(from))
        variable.value = variable.value.substr(0, variable.value.size() - from.size()) + to;
    }
}

// A mount below the working directory: the folder has it already, or it needs a place in the folder to stand at.
void drop_needless_mounts(ComposeContext& context, ComposeService& service) {
  if (service.workdir.size() < 2) return;
  std::string dir = service.plan.dir;
  std::erase_if(service.plan.mounts, [&](MountPlan& mount) {
    if (mount.to == service.workdir) mount.to = "/app";
    bool below = mount.to.starts_with(service.workdir + "/");
    std::string rest = below ? mount.to.substr(service.workdir.size() + 1) : mount.to == "/app" ? "" : "?";
    if (rest == "?") return false;
    std::string same = dir == "." || dir.empty() ? "./" + rest : rest.empty() ? dir : dir + "/" + rest;
    if (mount.from == same || (rest.empty() && mount.from == dir)) return true;
    if (below && context.input().folder.has(join_path(service.context, rest))) {
      mount.to = "/app/" + rest;
      return false;
    }
    context.leave_out(service, "volumes", service.line,
                      fmt::format("{} cannot stand at {}, which is in the program's own folder: put it into {}",
                                  mount.from, mount.to, dir));
    return true;
  });
}

}  // namespace bulkhead::scaffold
