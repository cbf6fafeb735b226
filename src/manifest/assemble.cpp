#include "manifest/assemble.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "manifest/written_secrets.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kMostFiles = 64;
constexpr std::size_t kMostText = 4U << 20U;  // of all files together
constexpr std::size_t kDeepestInclude = 8;
constexpr std::string_view kIncludeAllowed = "payments/bulkhead.yaml or {file: payments/bulkhead.yaml, prefix: pay-}";

bool means_environment(std::string_view key) {
  return key == "environment" || key == "env" || nearest(key, keys_of(Section::service).known) == "environment";
}

void hide_value(Report& report, const Entry& entry) {
  report.hide(after(entry.mark, entry.key));
  Mark value = entry.value->mark;
  if (value.line > entry.mark.line) report.hide({value.line, 1, value.file});
}

void hide_variables(Report& report, const Node& environment) {
  for (const Entry& entry : environment.entries) hide_value(report, entry);
  for (const NodePtr& item : environment.items) {
    std::size_t equals = item->text.find('=');
    report.hide(equals == std::string::npos ? item->mark : after(item->mark, item->text.substr(0, equals)));
  }
}

// Whoever writes a secret itself there gets it refused, and not shown.
void hide_secrets(Report& report, const Node& secrets) {
  for (const Entry& secret : secrets.entries) {
    if (secret.value->kind == Node::Kind::scalar) hide_value(report, secret);
    for (const Entry& entry : secret.value->entries)
      if (entry.key != "file" && entry.key != "directory") hide_value(report, entry);
  }
}

class Assembler {
 public:
  explicit Assembler(Context& context) : context_(context) {}

  NodePtr run() {
    const auto named = static_cast<std::uint16_t>(std::min<std::size_t>(context_.report.files(), 0xffff));
    if (named > kMostFiles) {
      context_.report.add(Mark{}, "too-large", fmt::format("the manifest has more than {} files", kMostFiles));
      return nullptr;
    }
    std::vector<NodePtr> roots;
    for (std::uint16_t file = 0; file < named; ++file) {
      NodePtr root = read(file);
      if (failed_) continue;
      bool nothing = !root || root->kind == Node::Kind::null;  // a file of comments only
      if (!nothing) roots.push_back(std::move(root));
    }
    if (failed_ || roots.empty()) return nullptr;
    refuse_secrets(roots);
    refuse_edits(context_, *roots[0]);
    NodePtr merged = roots[0];
    for (std::size_t i = 1; i < roots.size(); ++i) {
      if (!is_map(*merged, "a manifest") || !is_map(*roots[i], "a manifest")) return nullptr;
      merged = lay_over(context_, inclusions_, merged, roots[i]);
    }
    return with_paths_placed(context_, merged);
  }

 private:
  bool is_map(const Node& node, const std::string& what) {
    if (node.kind == Node::Kind::map) return true;
    refuse_value(context_, node, what, "a map", "app: shop, then services: ...");
    return false;
  }

  // Of each file by itself: a later one may take their place, and they stand there all the same.
  void refuse_secrets(std::vector<NodePtr>& roots) {
    NotSecrets none;
    for (const NodePtr& root : roots) collect_not_secrets(context_, *root, none);
    for (NodePtr& root : roots) root = without_written_secrets(context_, none, root);
  }

  // The tree of one file with what it includes.
  NodePtr read(std::uint16_t file) {
    const std::string& text = context_.report.source(file).text;
    Tree tree = read_tree(text, file);
    for (TreeMistake& mistake : tree.mistakes) {
      Mistake& added = context_.report.add(mistake.mark, std::move(mistake.code), std::move(mistake.message));
      if (!mistake.help.empty()) added.help.push_back(std::move(mistake.help));
    }
    failed_ = failed_ || (!tree.root && !tree.mistakes.empty());
    if (!tree.root || !fits(text.size(), *tree.root)) return nullptr;
    hide_values(context_.report, *tree.root);
    const Entry* include = find_entry(*tree.root, "include");
    if (!include) return tree.root;
    open_.push_back(file);
    NodePtr whole = with_included(*tree.root, *include);
    open_.pop_back();
    return whole;
  }

  bool fits(std::size_t text, const Node& root) {
    text_ += text;
    nodes_ += root.weight;
    if (text_ <= kMostText && nodes_ <= kMostNodes) return true;
    std::string what = text_ > kMostText ? fmt::format("more than {} KiB", kMostText / 1024)
                                         : fmt::format("more than {} values, aliases expanded,", kMostNodes);
    if (!failed_) context_.report.add(root.mark, "too-large", what + " in all files together");
    failed_ = true;
    return false;
  }

  NodePtr with_included(const Node& root, const Entry& include) {
    Node whole = root;
    std::erase_if(whole.entries, [](const Entry& entry) { return entry.key == "include"; });
    const NodePtr value = without_written_secrets(context_, include.key, include.value);
    const Node& node = *value;
    if (node.kind == Node::Kind::list) {
      for (const NodePtr& item : node.items) add_included(whole, *item, item->mark);
    } else {
      add_included(whole, node, include.mark);
    }
    return shared(std::move(whole));
  }

  void add_included(Node& whole, const Node& node, Mark mark) {
    if (failed_) return;
    Inclusion inclusion{.mark = mark};
    auto file = read_inclusion(node, inclusion);
    if (!file) return;
    NodePtr root = read_included(*file, mark);
    if (failed_ || !root) return;
    refuse_edits(context_, *root);
    Fields fields(context_, *root, Section::manifest, "the manifest");
    if (!fields.readable()) return;
    const bool has_policy = take_policy(whole, *root, inclusion);
    const Entry* services = find_entry(*root, "services");
    if (!services && has_policy) return;
    if (!services || services->value->kind != Node::Kind::map) {
      context_.report.add(services ? services->mark : root->mark, "include",
                          "this manifest is included, and has no map of 'services' to take");
      return;
    }
    Taken taken = take_services(context_, inclusion, *root);
    add(whole, "services", "service", std::move(taken.services), mark);
    if (!taken.secrets.empty()) add(whole, "secrets", "secret", std::move(taken.secrets), mark);
  }

  // Deny rules and groups of services, where services keep their names, and roles. Whether there are any.
  bool take_policy(Node& whole, const Node& root, const Inclusion& inclusion) {
    const bool renames = !inclusion.prefix.empty() || inclusion.only || !inclusion.with.empty();
    const Entry* deny = find_entry(root, "deny");
    const Entry* groups = find_entry(root, "groups");
    if (deny && renames) {
      context_.report
          .add(inclusion.mark, "include",
               fmt::format("{} has deny rules, and they name services as they are called there",
                           to_string(context_.report.position(deny->mark))))
          .help.emplace_back("write them here, or in a file that is included without 'prefix', 'only' and 'with'");
    } else if (deny) {
      take_deny(whole, *deny);
    }
    if (groups && !renames && groups->value->kind == Node::Kind::map)
      add(whole, "groups", "group", groups->value->entries, inclusion.mark);
    const Entry* roles = find_entry(root, "roles");
    if (roles && roles->value->kind == Node::Kind::map)
      add(whole, "roles", "role", roles->value->entries, inclusion.mark);
    return deny || groups || roles;
  }

  void take_deny(Node& whole, const Entry& deny) {
    Entry* there = find_entry(whole, "deny");
    if (!there) {
      whole.entries.push_back(deny);
      return;
    }
    if (there->value->kind != Node::Kind::list || deny.value->kind != Node::Kind::list) return not_a_list(*deny.value);
    Node list = *there->value;
    list.items.insert(list.items.end(), deny.value->items.begin(), deny.value->items.end());
    there->value = shared(std::move(list));
  }

  void not_a_list(const Node& node) {
    if (node.kind != Node::Kind::list) refuse_value(context_, node, "'deny' of the manifest", "a list of rules");
  }

  static Entry& map_at(Node& whole, const std::string& key, Mark mark) {
    if (Entry* map = find_entry(whole, key)) return *map;
    whole.entries.push_back({key, mark, shared({.kind = Node::Kind::map, .mark = mark})});
    return whole.entries.back();
  }

  void add(Node& whole, const std::string& key, std::string_view what, std::vector<Entry> added, Mark include) {
    Entry& there = map_at(whole, key, include);
    if (there.value->kind != Node::Kind::map) return;  // whoever reads it says why
    Node map = *there.value;
    for (Entry& entry : added) {
      inclusions_.emplace(entry.mark.file, include);
      if (const Entry* taken = find_entry(map, entry.key))
        refuse_taken(context_, what, entry, include, taken->mark);
      else
        map.entries.push_back(std::move(entry));
    }
    there.value = shared(std::move(map));
  }

  std::optional<Text> read_inclusion(const Node& node, Inclusion& inclusion) {
    if (node.kind == Node::Kind::scalar) return read_text(context_, node, "an include");
    if (node.kind != Node::Kind::map) {
      refuse_value(context_, node, "an include", "a file or a map", kIncludeAllowed);
      return std::nullopt;
    }
    Fields fields(context_, node, Section::include, "an include");
    fields.require("file", "the manifest that is included: {file: payments/bulkhead.yaml, prefix: pay-}");
    fields.read_text_into("prefix", inclusion.prefix);
    if (!inclusion.prefix.empty() && !is_name(inclusion.prefix + "a")) {
      refuse_value(context_, *fields.find("prefix"), fields.what("prefix"), "how a service's name may begin",
                   "lower-case letters, digits and '-', a letter first, such as pay-");
      return std::nullopt;
    }
    if (const Node* only = fields.find("only"))
      inclusion.only = read_texts(context_, *only, fields.what("only"), "[payments]");
    if (const Node* with = fields.find("with")) read_with(*with, fields.what("with"), inclusion);
    return fields.text("file");
  }

  void read_with(const Node& node, const std::string& what, Inclusion& inclusion) {
    if (node.kind != Node::Kind::map)
      return refuse_value(context_, node, what, "a map of its names to services of here", "{database: orders-db}");
    for (const Entry& entry : node.entries) {
      auto name = read_text(context_, *entry.value, fmt::format("'{}' in {}", entry.key, what));
      if (!name || !check_name(context_, name->mark, name->value, "a service")) continue;
      auto same = std::ranges::find_if(inclusion.with, [&](const auto& each) { return each.second == name->value; });
      if (same != inclusion.with.end()) {
        context_.report.add(name->mark, "include",
                            fmt::format("'{}' and '{}' cannot both be '{}'", same->first, entry.key, name->value));
        continue;
      }
      inclusion.with.emplace(entry.key, std::move(name->value));
    }
  }

  NodePtr read_included(const Text& file, Mark mark) {
    auto refuse = [&](std::string message) -> Mistake& {
      failed_ = true;
      return context_.report.add(file.mark, "include", std::move(message));
    };
    std::string what = fmt::format("'{}' cannot be included", file.value);
    if (!context_.options.read_manifest) return refuse(what + " from here"), nullptr;
    if (context_.report.files() >= kMostFiles) {
      if (!failed_) refuse(fmt::format("the manifest has more than {} files, the included ones with it", kMostFiles));
      return nullptr;
    }
    auto source = context_.options.read_manifest(placed(context_.report.source(file.mark.file).directory, file.value));
    if (!source) return refuse(what).help.push_back(source.error().message), nullptr;
    std::vector<std::string> chain;
    for (std::uint16_t open : open_) chain.push_back(context_.report.source(open).file);
    chain.push_back(source->file);
    if (std::ranges::find(chain, source->file) != chain.end() - 1) {
      refuse(fmt::format("a cycle of includes: {}", fmt::join(chain, " -> "))).help.emplace_back("remove one of them");
      return nullptr;
    }
    if (open_.size() >= kDeepestInclude) {
      refuse(fmt::format("included more than {} files deep: {}", kDeepestInclude, fmt::join(chain, " -> ")));
      return nullptr;
    }
    std::uint16_t number = context_.report.take(std::move(*source));
    NodePtr root = read(number);
    if (!failed_ && (!root || root->kind == Node::Kind::null)) {
      context_.report.add(mark, "include", fmt::format("'{}' is empty", file.value));
      return nullptr;
    }
    return root;
  }

  Context& context_;
  Inclusions inclusions_;
  std::vector<std::uint16_t> open_;  // the files that are being read, each included by the one before it
  std::size_t text_ = 0;
  std::size_t nodes_ = 0;
  bool failed_ = false;
};

}  // namespace

std::string placed(const std::string& directory, const std::string& path) {
  bool from_elsewhere = path.starts_with('/') || path == "~" || path.starts_with("~/");
  if (directory.empty() || from_elsewhere) return path;
  std::string_view rest = path;
  while (rest.starts_with("./")) rest.remove_prefix(2);
  if (rest == "." || rest.empty()) return directory;
  return fmt::format("{}/{}", directory, rest);
}

void hide_values(Report& report, const Node& root) {
  if (const Entry* secrets = find_entry(root, "secrets")) hide_secrets(report, *secrets->value);
  const Entry* services = find_entry(root, "services");
  if (!services) return;
  for (const Entry& service : services->value->entries) {
    for (const Entry& entry : service.value->entries) {
      if (means_environment(entry.key)) hide_variables(report, *entry.value);
    }
  }
}

NodePtr assemble(Context& context) { return Assembler(context).run(); }

}  // namespace bulkhead::manifest
