#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "manifest/env_file.hpp"
#include "manifest/interpolate.hpp"
#include "manifest/secret.hpp"
#include "scaffold/compose_draft.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

std::size_t variable_end(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == '_' || (text[at] >= '0' && text[at] <= '9') ||
                              (text[at] >= 'a' && text[at] <= 'z') || (text[at] >= 'A' && text[at] <= 'Z')))
    ++at;
  return at;
}

// Where the brace that is open before `at` closes.
std::size_t closing(std::string_view text, std::size_t at) {
  int open = 1;
  for (; at < text.size(); ++at) {
    if (text[at] == '{' && at > 0 && text[at - 1] == '$') ++open;
    if (text[at] == '}' && --open == 0) return at;
  }
  return std::string_view::npos;
}

}  // namespace

const Node* find(const Node& node, std::string_view key) {
  if (node.kind != Node::Kind::map) return nullptr;
  auto found = std::ranges::find(node.entries, key, &manifest::Entry::key);
  return found == node.entries.end() || found->value->kind == Node::Kind::null ? nullptr : found->value.get();
}

std::vector<const Node*> items_of(const Node& node) {
  std::vector<const Node*> items;
  if (node.kind == Node::Kind::scalar) items.push_back(&node);
  for (const NodePtr& item : node.items) items.push_back(item.get());
  return items;
}

ComposeContext::ComposeContext(const ComposeInput& input, Plan& plan) : input_(input), plan_(plan) {
  for (manifest::Variable& variable : manifest::parse_env_file(input.folder.text(".env"), ".env").variables)
    dot_env_.insert_or_assign(std::move(variable.name), std::move(variable.value));
}

std::optional<std::string> ComposeContext::known(std::string_view name) const {
  if (input_.environment)
    if (auto value = input_.environment(name)) return value;
  auto found = dot_env_.find(name);
  return found == dot_env_.end() ? std::nullopt : std::optional(found->second);
}

// `inside` is what stands between the braces. The result holds in every environment.
std::string ComposeContext::variable(std::string_view inside) {
  std::size_t end = variable_end(inside, 0);
  std::string name(inside.substr(0, end));
  std::string_view rest = inside.substr(end);
  bool has_default = rest.starts_with(":-") || rest.starts_with('-') || rest.starts_with(":+") || rest.starts_with('+');
  if (has_default) {
    std::size_t sign = rest.starts_with(':') ? 2 : 1;
    return fmt::format("${{{}{}{}}}", name, rest.substr(0, sign), text(rest.substr(sign)));
  }
  auto found = dot_env_.find(name);
  if (found == dot_env_.end()) return fmt::format("${{{}:-}}", name);
  const std::string& kept = found->second;
  bool secret = !manifest::looks_secret(name, kept).empty() || contains_any(kept, {"}", "{", "\n"});
  if (!secret) return fmt::format("${{{}:-{}}}", name, escaped(kept));
  wanted_.insert(name);
  return fmt::format("${{{}:-}}", name);
}

std::string ComposeContext::text(std::string_view written) {
  std::string result;
  for (std::size_t i = 0; i < written.size();) {
    if (written[i] != '$') {
      result += written[i++];
      continue;
    }
    std::string_view rest = written.substr(i + 1);
    if (rest.starts_with('$')) {
      result += "$$";
      i += 2;
      continue;
    }
    bool braced = rest.starts_with('{');
    std::size_t end = braced ? closing(written, i + 2) : variable_end(written, i + 1);
    std::size_t begin = i + (braced ? 2 : 1);
    bool named = end != std::string_view::npos && variable_end(written, begin) > begin &&
                 !(written[begin] >= '0' && written[begin] <= '9');
    if (!named || result.size() > (1U << 16U)) {
      result += "$$";
      ++i;
      continue;
    }
    result += variable(written.substr(begin, end - begin));
    i = end + (braced ? 1 : 0);
  }
  // What is no variable for the manifest either is taken as it stands.
  auto read = manifest::interpolate(result, [](std::string_view) { return std::optional<std::string>(""); });
  return read ? result : escaped(written);
}

std::string ComposeContext::text(const Node& node) { return text(node.text); }

std::string ComposeContext::value(std::string_view written) const {
  auto read =
      manifest::interpolate(written, [&](std::string_view name) { return std::optional(known(name).value_or("")); });
  return read ? *read : std::string(written);
}

void ComposeContext::leave_out(const ComposeService& service, std::string key, int line, std::string why) {
  plan_.left_out.push_back({service.plan.name, std::move(key), line, std::move(why)});
}

void ComposeContext::check_keys(const ComposeService* service, const Node& node, ComposePart part,
                                const std::string& prefix) {
  for (const manifest::Entry& entry : node.entries) {
    if (entry.key.starts_with("x-")) continue;
    const ComposeKey* known = compose_key(part, entry.key);
    if (known && known->why.empty()) continue;
    plan_.left_out.push_back({service ? service->plan.name : "", prefix + entry.key, entry.mark.line,
                              known ? std::string(known->why) : "no key of the Compose specification"});
  }
}

std::string ComposeContext::service_called(std::string_view host) const {
  auto found = names_.find(host);
  return found == names_.end() ? "" : found->second;
}

std::string ComposeContext::from_manifest(const std::string& path) const {
  if (path.starts_with('/') || path.starts_with("~")) return path;
  std::string tidy = tidy_path(path).value_or("");
  bool climbs = !tidy_path(path);
  std::string whole = climbs ? join_path(input_.from_manifest, path) : join_path(input_.from_manifest, tidy);
  if (whole.empty()) return ".";
  return whole.starts_with("../") || whole == ".." || whole.starts_with('/') ? whole : "./" + whole;
}

std::string ComposeContext::place(int line) const { return fmt::format("{}:{}", input_.file, line); }

}  // namespace bulkhead::scaffold
