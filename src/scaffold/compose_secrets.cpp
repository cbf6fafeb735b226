// Secrets: where they come from, and whose they are.

#include <algorithm>

#include <fmt/format.h>

#include "manifest/env_file.hpp"
#include "scaffold/compose_draft.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

constexpr std::string_view kPlace = "/run/secrets/";

// Where it comes from, as the manifest says it; nothing, with a word to the person, where Compose has it from
// elsewhere.
SecretPlan source_of(ComposeContext& context, ComposeService& service, const std::string& name, const Node* declared,
                     int line) {
  const Node* file = declared ? find(*declared, "file") : nullptr;
  const Node* variable = declared ? find(*declared, "environment") : nullptr;
  if (variable && manifest::is_variable_name(context.value(*variable)))
    return {name, "environment", context.value(*variable), ""};
  std::string path = file ? context.value(*file) : "";
  auto tidy = path.starts_with('/') || path.starts_with('~') ? std::nullopt : tidy_path(path);
  const bool is_there = file && (!tidy || context.input().folder.has(*tidy));
  if (!is_there)
    context.plan().add_edit(
        {service.plan.name, "secrets",
         fmt::format("the secret '{}' ({}) is no file that is there: write it to one, or name another", name,
                     context.place(line)),
         "", fmt::format("  {}: {{file: {}}}", name, path.empty() ? "./secrets/" + name : path)});
  return {name, "file", path.empty() ? "./secrets/" + name : context.from_manifest(path), ""};
}

void read_secret(ComposeContext& context, ComposeService& service, const Node& item, const Node* sources) {
  GrantedSecretPlan granted;
  if (item.kind == Node::Kind::map) {
    context.check_keys(&service, item, ComposePart::secret, "secrets.");
    auto read = [&](std::string_view key, std::string& into) {
      if (const Node* found = find(item, key)) into = context.value(*found);
    };
    read("source", granted.source);
    read("target", granted.target);
    read("mode", granted.mode);
  } else {
    granted.source = context.value(item);
  }
  if (granted.target.starts_with(kPlace)) granted.target.erase(0, kPlace.size());
  if (contains(granted.target, "/")) {
    context.leave_out(service, "secrets.target", item.mark.line,
                      fmt::format("'{}' is elsewhere: it stands at {}{}", granted.target, kPlace, granted.source));
    service.moved.emplace(granted.target, std::string(kPlace) + granted.source);
    granted.target.clear();
  }
  if (granted.target == granted.source) granted.target.clear();
  // More than reading is of no use there.
  while (granted.mode.starts_with('0')) granted.mode.erase(0, 1);
  granted.mode = granted.mode == "440" || granted.mode == "444" ? "0" + granted.mode : "";
  std::vector<SecretPlan>& known = context.plan().secrets;
  if (std::ranges::find(known, granted.source, &SecretPlan::name) == known.end())
    known.push_back(source_of(context, service, granted.source, sources ? find(*sources, granted.source) : nullptr,
                              item.mark.line));
  service.plan.secrets.push_back(std::move(granted));
}

}  // namespace

void read_secrets(ComposeContext& context, ComposeService& service, const Node& file) {
  const Node* node = find(*service.node, "secrets");
  if (!node) return;
  for (const Node* item : items_of(*node)) read_secret(context, service, *item, find(file, "secrets"));
}

}  // namespace bulkhead::scaffold
