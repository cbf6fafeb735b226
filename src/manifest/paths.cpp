// Every path of the host that a manifest holds, as it counts from the first file's directory. A key that holds one is
// named here.

#include "manifest/assemble.hpp"
#include "manifest/interpolate.hpp"

namespace bulkhead::manifest {

namespace {

// The text as a value: a dollar sign in it begins no variable.
std::string literally(std::string_view text) {
  std::string result;
  for (char c : text) result += c == '$' ? "$$" : std::string(1, c);
  return result;
}

class Placing {
 public:
  explicit Placing(Context& context) : context_(context) {}

  NodePtr root(const NodePtr& node) {
    if (node->kind != Node::Kind::map) return node;
    Node result = *node;
    for (Entry& entry : result.entries) {
      if (entry.key == "services") entry.value = services(entry.value);
      if (entry.key == "gateway") entry.value = gateway(entry.value);
      if (entry.key == "auth") entry.value = providers(entry.value);
      if (entry.key == "secrets") entry.value = secrets(entry.value);
      if (entry.key == "telemetry") entry.value = telemetry(entry.value);
    }
    return shared(std::move(result));
  }

 private:
  const std::string& directory(Mark mark) const { return context_.report.source(mark.file).directory; }

  NodePtr services(const NodePtr& node) {
    if (node->kind != Node::Kind::map) return node;
    Node result = *node;
    for (Entry& entry : result.entries) {
      if (entry.value->kind == Node::Kind::map) entry.value = service(*entry.value, entry.mark);
    }
    return shared(std::move(result));
  }

  NodePtr service(const Node& node, Mark mark) {
    Node result = node;
    for (Entry& entry : result.entries) {
      if (entry.key == "dir" || entry.key == "rootfs" || entry.key == "env_file") entry.value = paths(entry.value);
      if (entry.key == "image") entry.value = image(entry.value);
      if (entry.key == "build") entry.value = build(entry.value);
      if (entry.key == "mounts") entry.value = mounts(entry.value);
      if (entry.key == "contract") entry.value = contract(entry.value);
    }
    if (!directory(mark).empty() && !find_entry(node, "dir") && !find_entry(node, "image")) {
      Node dir{.kind = Node::Kind::scalar, .mark = mark};
      dir.text = literally(directory(mark));
      result.entries.push_back({"dir", mark, shared(std::move(dir))});
    }
    return shared(std::move(result));
  }

  NodePtr gateway(const NodePtr& node) {
    Node result = *node;
    if (Entry* tls = find_entry(result, "tls")) {
      Node files = *tls->value;
      for (Entry& entry : files.entries) entry.value = paths(entry.value);
      tls->value = shared(std::move(files));
    }
    return shared(std::move(result));
  }

  NodePtr providers(const NodePtr& node) {
    Node result = *node;
    for (Entry& entry : result.entries) {
      Node provider = *entry.value;
      Entry* jwks = find_entry(provider, "jwks");
      const bool is_url = jwks != nullptr && jwks->value->text.find("://") != std::string::npos;
      if (jwks != nullptr && !is_url) jwks->value = paths(jwks->value);
      if (Entry* certificates = find_entry(provider, "client_certificates")) {
        Node words = *certificates->value;
        if (Entry* ca = find_entry(words, "ca")) ca->value = paths(ca->value);
        certificates->value = shared(std::move(words));
      }
      entry.value = shared(std::move(provider));
    }
    return shared(std::move(result));
  }

  NodePtr telemetry(const NodePtr& node) {
    Node result = *node;
    if (Entry* exported = find_entry(result, "export")) {
      Node words = *exported->value;
      if (Entry* ca = find_entry(words, "ca")) ca->value = paths(ca->value);
      exported->value = shared(std::move(words));
    }
    return shared(std::move(result));
  }

  NodePtr secrets(const NodePtr& node) {
    Node result = *node;
    for (Entry& entry : result.entries) {
      Node secret = *entry.value;
      for (Entry& each : secret.entries)
        if (each.key == "file" || each.key == "directory") each.value = paths(each.value);
      entry.value = shared(std::move(secret));
    }
    return shared(std::move(result));
  }

  NodePtr contract(const NodePtr& node) {
    if (node->kind != Node::Kind::map) return paths(node);
    Node result = *node;
    if (Entry* file = find_entry(result, "file")) file->value = paths(file->value);
    return shared(std::move(result));
  }

  NodePtr mounts(const NodePtr& node) {
    Node result = *node;
    for (NodePtr& item : result.items) {
      if (item->kind == Node::Kind::scalar) item = paths(item);
      if (item->kind != Node::Kind::map) continue;
      Node mount = *item;
      if (Entry* from = find_entry(mount, "from")) from->value = paths(from->value);
      item = shared(std::move(mount));
    }
    return shared(std::move(result));
  }

  // What a build counts as its inputs counts from its directory.
  NodePtr build(const NodePtr& node) {
    Node result = *node;
    if (Entry* dir = find_entry(result, "dir")) dir->value = paths(dir->value);
    return shared(std::move(result));
  }

  // Of an image, only that of a directory is a path: "oci:DIRECTORY:TAG".
  NodePtr image(const NodePtr& node) {
    constexpr std::string_view kDirectory = "oci:";
    if (node->kind != Node::Kind::scalar || !node->text.starts_with(kDirectory)) return node;
    Node result = *node;
    result.text.erase(0, kDirectory.size());
    const NodePtr path = paths(shared(std::move(result)));
    result = *path;
    result.text = std::string(kDirectory) + path->text;
    return shared(std::move(result));
  }

  // A path, a mount that begins with one, or a list of them.
  NodePtr paths(const NodePtr& node) {
    if (node->kind == Node::Kind::list) {
      Node result = *node;
      for (NodePtr& item : result.items) item = paths(item);
      return shared(std::move(result));
    }
    if (node->kind != Node::Kind::scalar || node->text.empty() || directory(node->mark).empty()) return node;
    // What a variable at its front holds decides whether it counts from anywhere.
    auto value = interpolate(node->text, context_.options.environment);
    bool fixed = !value || placed("x", *value) == *value;
    if (fixed) return node;
    Node result = *node;
    result.text = placed(literally(directory(node->mark)), node->text);
    return shared(std::move(result));
  }

  Context& context_;
};

}  // namespace

NodePtr with_paths_placed(Context& context, const NodePtr& root) {
  bool elsewhere = false;
  for (std::size_t file = 0; file < context.report.files(); ++file)
    elsewhere = elsewhere || !context.report.source(static_cast<std::uint16_t>(file)).directory.empty();
  return elsewhere ? Placing(context).root(root) : root;
}

}  // namespace bulkhead::manifest
