// The services of an included manifest under the names that they have here.

#include <algorithm>
#include <set>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "manifest/assemble.hpp"
#include "manifest/interpolate.hpp"

namespace bulkhead::manifest {

namespace {

Node scalar(std::string text, Mark mark) {
  Node node{.kind = Node::Kind::scalar, .mark = mark};
  node.text = std::move(text);
  return node;
}

class Renaming {
 public:
  Renaming(Context& context, const Inclusion& inclusion, const Node& root)
      : context_(context), inclusion_(inclusion), root_(root), services_(*find_entry(root, "services")->value) {}

  Taken run() {
    check_only();
    for (const Entry& entry : services_.entries) {
      if (taken(entry.key)) names_.emplace(entry.key, inclusion_.prefix + entry.key);
    }
    for (const auto& [theirs, ours] : inclusion_.with) names_[theirs] = ours;
    Taken result;
    for (const Entry& entry : services_.entries) {
      if (taken(entry.key))
        result.services.push_back({names_.at(entry.key), entry.mark, renamed_service(*entry.value)});
    }
    check_with();
    result.secrets = taken_secrets();
    return result;
  }

 private:
  bool taken(const std::string& name) const {
    bool wanted = !inclusion_.only || std::ranges::find(*inclusion_.only, name, &Text::value) != inclusion_.only->end();
    return wanted && !inclusion_.with.contains(name);
  }

  std::vector<std::string> their_names() const {
    std::vector<std::string> names;
    for (const Entry& entry : services_.entries) names.push_back(entry.key);
    return names;
  }

  void check_only() {
    if (!inclusion_.only) return;
    for (const Text& name : *inclusion_.only) {
      if (!find_entry(services_, name.value)) refuse_name(name.mark, name.value);
    }
  }

  // A name in `with` that nothing uses is a misspelled one.
  void check_with() {
    for (const auto& [theirs, ours] : inclusion_.with) {
      if (!used_.contains(theirs) && !find_entry(services_, theirs)) refuse_name(inclusion_.mark, theirs);
    }
  }

  void refuse_name(Mark mark, const std::string& name) {
    Mistake& mistake = context_.report.add(
        mark, "include", fmt::format("{} has no service '{}'", context_.report.source(services_.mark.file).file, name));
    mistake.did_you_mean = nearest(name, their_names());
    mistake.allowed = fmt::format("{}", fmt::join(their_names(), ", "));
  }

  // The name that `theirs` has here, nothing where it is the same.
  const std::string* renamed(const std::string& theirs) {
    auto found = names_.find(theirs);
    if (found == names_.end() || found->second == theirs) return nullptr;
    used_.insert(theirs);
    return &found->second;
  }

  // "catalog" or "catalog:web", its variables put in where it has any.
  NodePtr renamed_destination(const NodePtr& node) {
    if (node->kind != Node::Kind::scalar) return node;
    auto text = interpolate(node->text, context_.options.environment);
    if (!text) return node;  // whoever reads it says why
    std::size_t colon = std::min(text->find(':'), text->size());
    const std::string* name = renamed(text->substr(0, colon));
    return name ? shared(scalar(*name + text->substr(colon), node->mark)) : node;
  }

  NodePtr renamed_service(const Node& service) {
    Node result = service;
    if (service.kind != Node::Kind::map) return shared(std::move(result));
    for (Entry& entry : result.entries) {
      if (entry.key == "calls") entry.value = renamed_calls(entry.value);
      if (entry.key == "depends_on") entry.value = renamed_dependencies(entry.value);
      if (entry.key == "secrets") entry.value = renamed_secrets(entry.value);
    }
    const Entry* owner = find_entry(root_, "owner");
    if (owner && !find_entry(result, "owner")) result.entries.push_back(*owner);
    return shared(std::move(result));
  }

  NodePtr renamed_dependencies(const NodePtr& node) {
    if (node->kind == Node::Kind::list) {
      Node list = *node;
      for (NodePtr& item : list.items) item = renamed_destination(item);
      return shared(std::move(list));
    }
    Node map = *node;
    for (Entry& entry : map.entries) rename_key(entry);
    refuse_twice(map);
    return shared(std::move(map));
  }

  const Entry* their_secret(const std::string& name) const {
    const Entry* secrets = find_entry(root_, "secrets");
    return secrets ? find_entry(*secrets->value, name) : nullptr;
  }

  std::vector<Entry> taken_secrets() const {
    std::vector<Entry> result;
    for (const std::string& name : secrets_) {
      const Entry* entry = their_secret(name);
      result.push_back({inclusion_.prefix + name, entry->mark, entry->value});
    }
    return result;
  }

  // What is none of its own means a secret of this application.
  NodePtr renamed_secrets(const NodePtr& node) {
    if (node->kind != Node::Kind::list) return node;
    Node list = *node;
    for (NodePtr& item : list.items) item = renamed_secret(item);
    return shared(std::move(list));
  }

  NodePtr renamed_secret(const NodePtr& item) {
    bool is_short = item->kind == Node::Kind::scalar;
    const Entry* source = find_entry(*item, "source");
    if (!is_short && (!source || source->value->kind != Node::Kind::scalar)) return item;
    const Node& written = is_short ? *item : *source->value;
    auto name = interpolate(written.text, context_.options.environment);
    if (!name || !their_secret(*name)) return item;
    secrets_.insert(*name);
    if (inclusion_.prefix.empty()) return item;
    Node map{.kind = Node::Kind::map, .mark = item->mark};
    if (!is_short) map = *item;
    Node ours = scalar(inclusion_.prefix + *name, written.mark);
    if (Entry* there = find_entry(map, "source"))
      there->value = shared(std::move(ours));
    else
      map.entries.push_back({"source", item->mark, shared(std::move(ours))});
    if (!find_entry(map, "target")) map.entries.push_back({"target", item->mark, shared(scalar(*name, written.mark))});
    return shared(std::move(map));
  }

  NodePtr renamed_calls(const NodePtr& node) {
    auto map = calls_as_map(context_, *node);
    if (!map) return node;
    for (Entry& entry : map->entries) {
      std::string theirs = entry.key;
      bool other = rename_key(entry);
      entry.value = renamed_call(*entry.value, other ? theirs : "", entry.mark);
    }
    refuse_twice(*map);
    return shared(std::move(*map));
  }

  bool rename_key(Entry& entry) {
    const std::string* name = renamed(entry.key);
    if (name) entry.key = *name;
    return name != nullptr;
  }

  NodePtr renamed_call(const Node& call, const std::string& known_as, Mark mark) {
    if (known_as.empty() && call.kind != Node::Kind::map) return shared(call);
    Node map = call_as_map(call);
    if (!known_as.empty()) add_alias(map, known_as, mark);
    if (Entry* fallback = find_entry(map, "fallback")) fallback->value = renamed_to(*fallback->value);
    if (Entry* split = find_entry(map, "split")) {
      Node list = *split->value;
      for (NodePtr& item : list.items) item = renamed_to(*item);
      split->value = shared(std::move(list));
    }
    return shared(std::move(map));
  }

  static void add_alias(Node& call, const std::string& name, Mark mark) {
    NodePtr alias = shared(scalar(name, mark));
    Entry* as = find_entry(call, "as");
    if (!as) {
      call.entries.push_back({"as", mark, std::move(alias)});
      return;
    }
    Node list{.kind = Node::Kind::list, .mark = as->value->mark};
    list.items = as->value->items;
    if (as->value->kind == Node::Kind::scalar) list.items.push_back(as->value);
    list.items.push_back(std::move(alias));
    as->value = shared(std::move(list));
  }

  NodePtr renamed_to(const Node& node) {
    Node map = node;
    if (Entry* to = find_entry(map, "to")) to->value = renamed_destination(to->value);
    return shared(std::move(map));
  }

  void refuse_twice(const Node& map) {
    std::set<std::string_view> names;
    for (const Entry& entry : map.entries) {
      if (names.insert(entry.key).second) continue;
      context_.report.add(
          inclusion_.mark, "include",
          fmt::format("two names that {} uses at {} both mean '{}'", context_.report.source(entry.mark.file).file,
                      to_string(context_.report.position(entry.mark)), entry.key));
    }
  }

  Context& context_;
  const Inclusion& inclusion_;
  const Node& root_;
  const Node& services_;
  std::map<std::string, std::string> names_;  // theirs to ours
  std::set<std::string> used_;
  std::set<std::string> secrets_;  // theirs that what is taken names
};

}  // namespace

Taken take_services(Context& context, const Inclusion& inclusion, const Node& root) {
  return Renaming(context, inclusion, root).run();
}

}  // namespace bulkhead::manifest
