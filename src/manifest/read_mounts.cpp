#include <algorithm>
#include <array>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::string_view kMountAllowed =
    "\"/opt/python\" (the same path inside), \"./data:/data\", \"./data:/data:rw\" or {from: ./data, to: /data, "
    "read_only: false}";

// Nothing may stand at or below these.
constexpr std::array<std::string_view, 4> kClosedTrees{"/proc", "/sys", "/dev", "/run"};
// Nothing may cover these; below them is fine.
constexpr std::array<std::string_view, 17> kCovered{"/",
                                                    "/usr",
                                                    "/usr/bin",
                                                    "/usr/sbin",
                                                    "/usr/lib",
                                                    "/usr/lib64",
                                                    "/bin",
                                                    "/sbin",
                                                    "/lib",
                                                    "/lib64",
                                                    "/lib32",
                                                    "/etc",
                                                    "/etc/passwd",
                                                    "/etc/group",
                                                    "/etc/resolv.conf",
                                                    "/etc/hosts",
                                                    "/etc/nsswitch.conf"};
// Of the host: these hold its sockets and its kernel's files.
constexpr std::array<std::string_view, 5> kHostTrees{"/proc", "/sys", "/dev", "/run", "/var/run"};

bool is_below(std::string_view path, std::string_view tree) {
  return path.starts_with(tree) && (path.size() == tree.size() || path[tree.size()] == '/');
}

template <class Trees>
bool is_below_any(std::string_view path, const Trees& trees) {
  return std::ranges::any_of(trees, [&](std::string_view tree) { return is_below(path, tree); });
}

// "/a/b" of "/a//b/"; nothing where a segment is "." or "..", or a control character stands in it.
std::optional<std::string> normal(std::string_view path) {
  std::string result;
  while (!path.empty()) {
    std::size_t end = std::min(path.find('/'), path.size());
    std::string_view segment = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    bool control = std::ranges::any_of(segment, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (segment == "." || segment == ".." || control) return std::nullopt;
    if (!segment.empty()) result += "/" + std::string(segment);
  }
  return result.empty() ? "/" : result;
}

class MountReader {
 public:
  MountReader(Context& context, Service& service) : context_(context), service_(service) {}

  void read(const Node& node, const std::string& what) {
    Mount mount{.position = context_.report.position(node.mark)};
    if (node.kind == Node::Kind::map) {
      Fields fields(context_, node, Section::mount, what);
      fields.require("from", "the path of the host");
      fields.read_text_into("from", mount.host);
      mount.inside = mount.host;
      fields.read_text_into("to", mount.inside);
      fields.read_bool_into("read_only", mount.read_only);
      if (!fields.find("from")) return;
    } else {
      auto text = read_text(context_, node, what);
      if (!text) return;
      if (!split(text->value, mount)) return refuse_value(context_, node, what, "HOST:INSIDE", kMountAllowed);
    }
    if (!mount.host.empty()) check(node, std::move(mount));
  }

 private:
  static bool split(std::string_view text, Mount& mount) {
    std::size_t first = text.find(':');
    mount.host = text.substr(0, first);
    mount.inside = mount.host;
    if (first == std::string_view::npos) return !text.empty();
    std::string_view rest = text.substr(first + 1);
    std::size_t second = rest.find(':');
    mount.inside = rest.substr(0, second);
    if (second == std::string_view::npos) return !mount.host.empty() && !mount.inside.empty();
    std::string_view mode = rest.substr(second + 1);
    mount.read_only = mode == "ro";
    return !mount.host.empty() && !mount.inside.empty() && (mode == "ro" || mode == "rw");
  }

  void check(const Node& node, Mount mount) {
    std::optional<std::string> inside = mount.inside.starts_with('/') ? normal(mount.inside) : std::nullopt;
    if (!inside) {
      return refuse(node, fmt::format("'{}' is no path inside the compartment", mount.inside),
                    "write an absolute path without '.' and '..', such as ./data:/data");
    }
    bool covers = std::ranges::find(kCovered, *inside) != kCovered.end();
    if (covers || is_below_any(*inside, kClosedTrees)) {
      return refuse(node,
                    fmt::format("nothing can be mounted at '{}': the compartment's own system stands there", *inside),
                    "mount it elsewhere, such as at /opt or /data");
    }
    if (!check_host(node, mount.host)) return;
    auto same = std::ranges::find(service_.mounts, *inside, &Mount::inside);
    if (same != service_.mounts.end()) {
      return refuse(node, fmt::format("two mounts of service '{}' stand at '{}'", service_.name, *inside),
                    "keep one of them");
    }
    mount.inside = std::move(*inside);
    service_.mounts.push_back(std::move(mount));
  }

  bool check_host(const Node& node, const std::string& path) {
    std::optional<std::string> absolute = path.starts_with('/') ? normal(path) : std::nullopt;
    bool climbs = path.starts_with('/') && !absolute;
    bool forbidden = absolute && (*absolute == "/" || *absolute == "/var" || is_below_any(*absolute, kHostTrees));
    if (!climbs && !forbidden && !path.ends_with(".sock")) return true;
    refuse(node, fmt::format("'{}' of the host cannot be mounted", path),
           climbs ? "write it without '.' and '..'" : "sockets and kernel files of the host lead past the sidecar");
    return false;
  }

  void refuse(const Node& node, std::string message, std::string help) {
    context_.report.add(node.mark, "mount", std::move(message)).help.push_back(std::move(help));
  }

  Context& context_;
  Service& service_;
};

}  // namespace

void read_mounts(Context& context, const Node& node, Service& service) {
  std::string what = fmt::format("'mounts' of service '{}'", service.name);
  if (node.kind == Node::Kind::null) return;
  if (node.kind != Node::Kind::list) return refuse_value(context, node, what, "a list", kMountAllowed);
  MountReader reader(context, service);
  for (const NodePtr& item : node.items) reader.read(*item, fmt::format("a mount of service '{}'", service.name));
}

}  // namespace bulkhead::manifest
