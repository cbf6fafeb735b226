#include "manifest/merge.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "manifest/field_names.hpp"
#include "manifest/interpolate.hpp"

namespace bulkhead::manifest {

namespace {

// What stands at a place of the manifest decides how two of it become one.
enum class Place {
  value,  // maps by their keys, anything else by the later one
  whole,  // by the later one
  manifest,
  services,
  service,
  environment,
  calls,
  call,
  dependencies,
  mounts,
  secrets,  // of the manifest: each as a whole
  granted,  // of a service: by the secret
  gateway,
  routes,
  route,
  appended,  // lists one behind the other
};

Place place_in_service(std::string_view key) {
  if (key == "environment") return Place::environment;
  if (key == "calls") return Place::calls;
  if (key == "depends_on") return Place::dependencies;
  if (key == "mounts") return Place::mounts;
  if (key == "secrets") return Place::granted;
  if (key == "env_file" || key == "profiles" || key == "not_secret") return Place::appended;
  return Place::value;
}

Place place_of(Place map, std::string_view key) {
  switch (map) {
    case Place::manifest:
      return key == "services"  ? Place::services
             : key == "gateway" ? Place::gateway
             : key == "secrets" ? Place::secrets
             : key == "deny"    ? Place::appended
                                : Place::value;
    case Place::secrets: return Place::whole;
    case Place::services: return Place::service;
    case Place::service: return place_in_service(key);
    case Place::calls: return Place::call;
    case Place::gateway: return key == "routes" ? Place::routes : Place::value;
    case Place::call:
    case Place::route: return key == "fallback" ? Place::whole : Place::value;
    default: return Place::value;
  }
}

bool is_map(const Node& node) { return node.kind == Node::Kind::map; }
bool is_list(const Node& node) { return node.kind == Node::Kind::list; }

NodePtr without_edit(const NodePtr& node) {
  if (!node->has_edits) return node;
  Node copy = *node;
  copy.edit = Node::Edit::merge;
  copy.has_edits = false;
  return shared(std::move(copy));
}

// The name that a list's item gives, its variables put in; a map's key has none.
std::optional<std::string> name_of(Context& context, const Node& item) {
  if (item.kind != Node::Kind::scalar) return std::nullopt;
  auto name = interpolate(item.text, context.options.environment);
  return name ? std::optional(std::move(*name)) : std::nullopt;
}

// NAME=value lines, a later one of the same name in the place of an earlier one; nothing where an item is no such line.
std::optional<Node> environment_as_map(const Node& node) {
  if (is_map(node)) return node;
  if (!is_list(node) || node.items.size() > kMostKeys) return std::nullopt;
  Node map{.kind = Node::Kind::map, .mark = node.mark};
  for (const NodePtr& item : node.items) {
    std::size_t equals = item->text.find('=');
    bool removed = item->edit == Node::Edit::reset;
    if (item->kind != Node::Kind::scalar || (equals == std::string::npos && !removed)) return std::nullopt;
    Node value = *item;
    value.text = equals == std::string::npos ? "" : item->text.substr(equals + 1);
    Entry entry{item->text.substr(0, equals), item->mark, shared(std::move(value))};
    if (Entry* same = find_entry(map, entry.key))
      *same = std::move(entry);
    else
      map.entries.push_back(std::move(entry));
  }
  return map;
}

// The place inside of "HOST:INSIDE:MODE" or {from: HOST, to: INSIDE}; colons inside of ${...} divide nothing.
std::optional<std::string> mounted_at(const Node& item) {
  std::string inside;
  if (is_map(item)) {
    const Entry* to = find_entry(item, "to");
    if (!to) to = find_entry(item, "from");
    if (!to || to->value->kind != Node::Kind::scalar) return std::nullopt;
    inside = to->value->text;
  } else if (item.kind == Node::Kind::scalar) {
    std::vector<std::string> parts(1);
    int depth = 0;
    for (char c : item.text) {
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (c == ':' && depth == 0)
        parts.emplace_back();
      else
        parts.back() += c;
    }
    inside = parts.size() > 1 ? parts[1] : parts[0];
  }
  while (inside.size() > 1 && inside.ends_with('/')) inside.pop_back();
  return inside.empty() ? std::nullopt : std::optional(inside);
}

std::string text_at(const Node& map, std::string_view key, std::string_view otherwise) {
  const Entry* entry = find_entry(map, key);
  return std::string(entry && entry->value->kind == Node::Kind::scalar ? std::string_view(entry->value->text)
                                                                       : otherwise);
}

// The secret that "db" or {source: db} names.
std::optional<std::string> granted_secret(const Node& item) {
  std::string name = is_map(item) ? text_at(item, "source", "") : item.text;
  return name.empty() ? std::nullopt : std::optional(std::move(name));
}

// What a route matches, as one text: two routes with the same are one.
std::optional<std::string> matched_by(const Node& item) {
  if (!is_map(item)) return std::nullopt;
  static const Node kEverything{.kind = Node::Kind::map};
  const Entry* entry = find_entry(item, "match");
  const Node& match = entry ? *entry->value : kEverything;
  if (!is_map(match)) return std::nullopt;
  const std::string host = lower_case(text_at(match, "host", ""));
  std::vector<std::string> methods;
  if (const Entry* written = find_entry(match, "methods")) {
    if (written->value->kind == Node::Kind::scalar) methods.push_back(written->value->text);
    for (const NodePtr& method : written->value->items) methods.push_back(method->text);
  }
  std::ranges::sort(methods);
  return fmt::format("{}\n{}\n{}", host, text_at(match, "path", "/*"), fmt::join(methods, "|"));
}

void refuse_edit(Context& context, const Node& node) {
  context.report
      .add(node.mark, "yaml-tag",
           fmt::format("'{}' is about what an earlier file says, and none says anything here",
                       node.edit == Node::Edit::reset ? "!reset" : "!override"))
      .help.emplace_back("remove the tag");
}

class Merger {
 public:
  Merger(Context& context, const Inclusions& inclusions) : context_(context), inclusions_(inclusions) {}

  NodePtr maps(const Node& base, const Node& over, Place place) {
    Node result = base;
    for (const Entry& entry : over.entries) {
      Entry* earlier = find_entry(result, entry.key);
      if (entry.value->edit == Node::Edit::reset)
        remove(result, earlier, entry);
      else if (!earlier)
        result.entries.push_back({entry.key, entry.mark, fresh(entry.value)});
      else if ((place == Place::services || place == Place::secrets) && inclusions_.contains(entry.mark.file))
        refuse_taken(context_, place == Place::services ? "service" : "secret", entry, inclusions_.at(entry.mark.file),
                     earlier->mark);
      else
        lay(*earlier, entry, place_of(place, entry.key));
    }
    return shared(std::move(result));
  }

 private:
  void lay(Entry& earlier, const Entry& later, Place place) {
    NodePtr laid = value(earlier, later, place);
    bool taken_whole = laid == later.value || later.value->edit == Node::Edit::replace;
    if (taken_whole) earlier.mark = later.mark;
    earlier.value = std::move(laid);
  }

  NodePtr value(const Entry& earlier, const Entry& later, Place place) {
    const Node& base = *earlier.value;
    const Node& over = *later.value;
    if (over.edit == Node::Edit::replace) return fresh(later.value);
    if (over.kind == Node::Kind::null && place == Place::call) return earlier.value;
    if (over.kind == Node::Kind::null && base.kind != Node::Kind::null) return refuse_nothing(earlier, later);
    switch (place) {
      case Place::whole: return fresh(later.value);
      case Place::environment: return by_key(earlier.value, later.value, environment_as_map, Place::value);
      case Place::calls:
        return by_key(
            earlier.value, later.value, [this](const Node& node) { return calls_as_map(context_, node); }, place);
      case Place::call: return maps(call_as_map(base), call_as_map(over), place);
      case Place::dependencies:
        return by_key(
            earlier.value, later.value, [this](const Node& node) { return dependencies_as_map(context_, node); },
            Place::whole);
      case Place::mounts: return lists(earlier.value, later.value, mounted_at, Place::whole);
      case Place::granted: return lists(earlier.value, later.value, granted_secret, Place::whole);
      case Place::routes: return lists(earlier.value, later.value, matched_by, Place::route);
      case Place::appended: return appended(base, over);
      default: return is_map(base) && is_map(over) ? maps(base, over, place) : fresh(later.value);
    }
  }

  // What is not understood is left as it is, alone: whoever reads it says why.
  template <class AsMap>
  NodePtr by_key(const NodePtr& base, const NodePtr& over, AsMap as_map, Place place) {
    if (base->kind == Node::Kind::null) return fresh(over);
    if (too_long(*base) || too_long(*over)) return base;
    auto earlier = as_map(*base);
    if (!earlier) return base;
    auto later = as_map(*over);
    return later ? maps(*earlier, *later, place) : without_edit(over);
  }

  template <class KeyOf>
  NodePtr lists(const NodePtr& base, const NodePtr& over, KeyOf key_of, Place place) {
    if (base->kind == Node::Kind::null) return fresh(over);
    if (!is_list(*base)) return base;
    if (!is_list(*over)) return without_edit(over);
    if (too_long(*base) || too_long(*over)) return base;
    Node result = *base;
    std::vector<std::optional<std::string>> keys;  // of result.items
    for (const NodePtr& item : result.items) keys.push_back(key_of(*item));
    for (const NodePtr& item : over->items) {
      auto key = key_of(*item);
      auto at = (key ? std::ranges::find(keys, key) : keys.end()) - keys.begin();
      bool found = at < std::ssize(keys);
      if (item->edit == Node::Edit::reset && found) {
        result.items.erase(result.items.begin() + at);
        keys.erase(keys.begin() + at);
      } else if (item->edit == Node::Edit::reset) {
        refuse_reset(item->mark, "");
      } else if (found) {
        NodePtr& earlier = result.items[static_cast<std::size_t>(at)];
        bool by_keys = place == Place::route && item->edit == Node::Edit::merge;
        earlier = by_keys ? maps(*earlier, *item, place) : fresh(item);
      } else {
        result.items.push_back(fresh(item));
        keys.push_back(std::move(key));
      }
    }
    return shared(std::move(result));
  }

  // Two lists are held against each other item by item.
  bool too_long(const Node& list) {
    if (list.items.size() <= kMostKeys) return false;
    context_.report.add(list.mark, "too-large",
                        fmt::format("a list of more than {} cannot be merged with another one", kMostKeys));
    return true;
  }

  NodePtr appended(const Node& base, const Node& over) {
    Node result{.kind = Node::Kind::list, .mark = base.mark};
    for (const Node* node : {&base, &over}) {
      if (node->kind == Node::Kind::map) return fresh(shared(*node));
      if (node->kind == Node::Kind::scalar) result.items.push_back(fresh(shared(*node)));
      for (const NodePtr& item : node->items) result.items.push_back(fresh(item));
    }
    return shared(std::move(result));
  }

  // A value that no earlier file has: nothing in it can be about one.
  NodePtr fresh(const NodePtr& node) {
    if (!node->has_edits) return node;
    if (node->edit == Node::Edit::reset) refuse_edit(context_, *node);
    for (const NodePtr& item : node->items) refuse_edits(context_, *item);
    for (const Entry& entry : node->entries) refuse_edits(context_, *entry.value);
    return without_edit(node);
  }

  void remove(Node& map, Entry* earlier, const Entry& entry) {
    if (earlier) {
      map.entries.erase(map.entries.begin() + (earlier - map.entries.data()));
      return;
    }
    refuse_reset(entry.mark, entry.key);
    std::vector<std::string> names;
    for (const Entry& each : map.entries) names.push_back(each.key);
    context_.report.last().did_you_mean = nearest(entry.key, names);
  }

  void refuse_reset(Mark mark, const std::string& key) {
    context_.report.add(mark, "merge",
                        key.empty() ? "'!reset' removes nothing: no earlier file has this here"
                                    : fmt::format("'!reset' removes nothing: no earlier file has '{}' here", key));
  }

  NodePtr refuse_nothing(const Entry& earlier, const Entry& later) {
    context_.report
        .add(later.mark, "merge",
             fmt::format("nothing stands behind '{}', and {} says something there", later.key,
                         context_.report.place(earlier.mark, later.mark)))
        .help.push_back(fmt::format("remove the key to keep that, or write '{}: !reset' to take it away", later.key));
    return earlier.value;
  }

  Context& context_;
  const Inclusions& inclusions_;
};

}  // namespace

const Entry* find_entry(const Node& map, std::string_view key) {
  auto found = std::ranges::find(map.entries, key, &Entry::key);
  return found == map.entries.end() ? nullptr : &*found;
}

Entry* find_entry(Node& map, std::string_view key) {
  auto found = std::ranges::find(map.entries, key, &Entry::key);
  return found == map.entries.end() ? nullptr : &*found;
}

std::optional<Node> calls_as_map(Context& context, const Node& node) {
  if (is_map(node)) return node;
  if (!is_list(node) || node.items.size() > kMostKeys) return std::nullopt;
  Node map{.kind = Node::Kind::map, .mark = node.mark};
  for (const NodePtr& item : node.items) {
    auto name = name_of(context, *item);
    if (!name || find_entry(map, *name)) return std::nullopt;
    Node nothing{.edit = item->edit, .has_edits = item->has_edits, .mark = item->mark};
    map.entries.push_back({std::move(*name), item->mark, shared(std::move(nothing))});
  }
  return map;
}

Node call_as_map(const Node& node) {
  if (is_map(node)) return node;
  Node map{.kind = Node::Kind::map, .mark = node.mark};
  if (node.kind != Node::Kind::null) map.entries.push_back({"allow", node.mark, shared(node)});
  return map;
}

std::optional<Node> dependencies_as_map(Context& context, const Node& node) {
  if (is_map(node)) return node;
  if (!is_list(node) || node.items.size() > kMostKeys) return std::nullopt;
  Node map{.kind = Node::Kind::map, .mark = node.mark};
  for (const NodePtr& item : node.items) {
    auto name = name_of(context, *item);
    if (!name || find_entry(map, *name)) return std::nullopt;
    Node started{.kind = Node::Kind::scalar, .edit = item->edit, .has_edits = item->has_edits, .mark = item->mark};
    started.text = to_string(Condition::started);
    map.entries.push_back({std::move(*name), item->mark, shared(std::move(started))});
  }
  return map;
}

void refuse_edits(Context& context, const Node& node) {
  if (!node.has_edits) return;
  if (node.edit != Node::Edit::merge) refuse_edit(context, node);
  for (const NodePtr& item : node.items) refuse_edits(context, *item);
  for (const Entry& entry : node.entries) refuse_edits(context, *entry.value);
}

void refuse_taken(Context& context, std::string_view what, const Entry& brought, Mark include, Mark taken) {
  context.report
      .add(include, "include",
           fmt::format("this brings a {} '{}' ({}), and there is one already ({})", what, brought.key,
                       to_string(context.report.position(brought.mark)), to_string(context.report.position(taken))))
      .help.emplace_back("give what is included a prefix: {file: FILE, prefix: pay-}, or take less of it with 'only'");
}

NodePtr lay_over(Context& context, const Inclusions& inclusions, const NodePtr& base, const NodePtr& over) {
  return Merger(context, inclusions).maps(*base, *over, Place::manifest);
}

}  // namespace bulkhead::manifest
