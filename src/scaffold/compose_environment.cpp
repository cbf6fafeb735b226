// One service's build and environment.

#include <algorithm>

#include <fmt/format.h>

#include "manifest/env_file.hpp"
#include "scaffold/compose_draft.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

void take_variable(ComposeContext& context, ComposeService& service, const std::string& name, std::string value,
                   int line) {
  if (!manifest::is_variable_name(name) || name.starts_with("BULKHEAD_"))
    return context.leave_out(service, "environment", line,
                             fmt::format("'{}' cannot be the name of a variable here", name));
  set_variable(service, name, std::move(value));
}

void read_env_files(ComposeContext& context, ComposeService& service, const Node& node) {
  for (const Node* item : items_of(node)) {
    const Node* path_node = item->kind == Node::Kind::map ? find(*item, "path") : item;
    if (!path_node || path_node->kind != Node::Kind::scalar) continue;
    std::string path = context.value(*path_node);
    auto tidy = path.starts_with('/') ? std::nullopt : tidy_path(path);
    const File* file = tidy ? context.input().folder.find(*tidy) : nullptr;
    if (file && file->is_read && manifest::parse_env_file(file->text, path).mistakes.empty()) {
      service.plan.env_files.push_back(context.from_manifest(path));
      service.env_texts.push_back(*tidy);
      continue;
    }
    const Node* required = item->kind == Node::Kind::map ? find(*item, "required") : nullptr;
    if (required && required->text == "false") {
      context.leave_out(service, "env_file", item->mark.line, fmt::format("{} is not there, and not required", path));
      continue;
    }
    context.plan().add_edit(
        {service.plan.name, "environment",
         fmt::format("{} ({}) {}: when it is there, write its name under 'env_file'", path,
                     context.place(item->mark.line), file ? "is no file of NAME=value lines" : "was not found"),
         "", fmt::format("    env_file: [{}]", context.from_manifest(path))});
  }
}

// The path of the folder that a path of the Compose file means; nothing where it leads out.
std::optional<std::string> in_folder(const std::string& path) {
  return path.starts_with('/') || path.starts_with('~') ? std::nullopt : tidy_path(path);
}

void read_build(ComposeContext& context, ComposeService& service, const Node& node) {
  service.is_built = true;
  std::string where = ".";
  std::string file;
  std::string target;
  std::string inline_text;
  if (node.kind == Node::Kind::scalar) where = context.value(node);
  if (node.kind == Node::Kind::map) {
    context.check_keys(&service, node, ComposePart::build, "build.");
    auto read = [&](std::string_view key, std::string& into) {
      if (const Node* found = find(node, key); found && found->kind == Node::Kind::scalar) into = context.value(*found);
    };
    read("context", where);
    read("dockerfile", file);
    read("target", target);
    read("dockerfile_inline", inline_text);
  }
  auto tidy = in_folder(where);
  service.context_is_seen = tidy && context.input().folder.directories.contains(*tidy);
  service.context = tidy.value_or("");
  if (!tidy) service.plan.dir = context.from_manifest(where);
  const Folder& folder = context.input().folder;
  for (const std::string& name :
       file.empty() ? std::vector<std::string>{"Dockerfile", "Containerfile"} : std::vector{file}) {
    std::string path = tidy_path(join_path(service.context, name)).value_or("");
    if (!inline_text.empty() || (service.context_is_seen && folder.find(path))) {
      service.dockerfile_path = inline_text.empty() ? path : context.input().file;
      service.dockerfile = read_dockerfile(inline_text.empty() ? folder.text(path) : inline_text, target);
      break;
    }
  }
  if (service.image_text.empty() || service.image.kind == ImageKind::unknown)
    service.image = image_of(service.dockerfile.image);
}

}  // namespace

void set_variable(ComposeService& service, const std::string& name, std::string value, const std::string& why) {
  if (VariablePlan* same = service.plan.variable(name)) {
    same->value = std::move(value);
    same->why = why;
  } else {
    service.plan.environment.push_back({name, std::move(value), why});
  }
}

void read_environment(ComposeContext& context, ComposeService& service) {
  if (const Node* node = find(*service.node, "build")) service.build = node;
  if (service.build) read_build(context, service, *service.build);
  for (const auto& [name, value] : service.dockerfile.environment)
    if (name != "PATH" && manifest::is_variable_name(name) && !name.starts_with("BULKHEAD_"))
      set_variable(service, name, escaped(value));
  if (const Node* node = find(*service.node, "env_file")) read_env_files(context, service, *node);
  service.workdir = service.dockerfile.workdir;
  if (const Node* directory = find(*service.node, "working_dir"); directory && directory->kind == Node::Kind::scalar)
    service.workdir = context.value(*directory);
  const Node* node = find(*service.node, "environment");
  if (!node) return;
  for (const manifest::Entry& entry : node->entries) {
    bool handed_on = entry.value->kind != Node::Kind::scalar;
    take_variable(context, service, entry.key,
                  handed_on ? context.text("${" + entry.key + "}") : context.text(*entry.value), entry.mark.line);
  }
  for (const NodePtr& item : node->items) {
    std::size_t equals = item->text.find('=');
    std::string name = item->text.substr(0, equals);
    take_variable(context, service, name,
                  equals == std::string::npos ? context.text("${" + name + "}")
                                              : context.text(std::string_view(item->text).substr(equals + 1)),
                  item->mark.line);
  }
}

}  // namespace bulkhead::scaffold
