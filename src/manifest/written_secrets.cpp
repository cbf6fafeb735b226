#include "manifest/written_secrets.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/ranges.h>

#include "base/ascii.hpp"
#include "manifest/field_names.hpp"
#include "manifest/interpolate.hpp"
#include "manifest/merge.hpp"
#include "manifest/secret.hpp"
#include "manifest/secret_form.hpp"
#include "manifest/secret_options.hpp"

namespace bulkhead::manifest {

namespace {

// The name of a secret for what stands at `written`: "db_password" for "--db-password".
std::string secret_name(std::string_view written, std::string_view otherwise) {
  std::string name;
  for (char c : written) {
    if (is_letter(c) || is_digit(c))
      name += lower(c);
    else if (!name.empty() && name.back() != '_')
      name += '_';
  }
  return name.empty() ? std::string(otherwise) : name;
}

std::string variable_name(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return name;
}

std::string file_help(const std::string& name) {
  return fmt::format(
      "write it into a file and name that: secrets: {{{0}: {{file: ./{0}}}}}; the service says 'secrets: [{0}]' and "
      "reads /run/secrets/{0}",
      name);
}

std::string environment_help(const std::string& name, const std::string& variable) {
  return fmt::format("a program that takes it from its environment alone: secrets: [{{source: {}, env: {}}}]", name,
                     variable);
}

// Of one text: with more of them it is as if all of it were one.
constexpr std::size_t kMostFindings = 64;

// One in a text of the tree: its form says it, or the name of an option.
struct Finding {
  SecretForm form;
  std::string option;
};

class Search {
 public:
  Search(Context& context, const NotSecrets& none) : context_(context), none_(none) {}

  // What begins with x- comes last: most of it is used elsewhere, where it is known what it is for.
  NodePtr root(const NodePtr& node) {
    auto is_anchor = [](const Entry& entry) { return entry.key.starts_with("x-"); };
    NodePtr rest = each(node, [&](const Entry& entry) { return is_anchor(entry) ? entry.value : part(entry); });
    return each(rest, [&](const Entry& entry) { return is_anchor(entry) ? plain(entry.value) : entry.value; });
  }

  NodePtr at(const std::string& key, const NodePtr& value) {
    path_.push_back(key);
    NodePtr result = plain(value);
    path_.pop_back();
    return result;
  }

 private:
  NodePtr part(const Entry& entry) {
    if (entry.key != "services") return plain(entry.value);
    return each(entry.value, [&](const Entry& service) {
      return each(service.value, [&](const Entry& key) { return part_of_service(service.key, key); });
    });
  }

  NodePtr part_of_service(const std::string& service, const Entry& entry) {
    const auto none = none_.find(service);
    excused_ = none == none_.end() ? nullptr : &none->second;
    if (entry.key == "environment") return environment(service, entry.value);
    if (entry.key == "command") return command(entry.value);
    if (entry.key == "build") return build(entry.value);
    return plain(entry.value);
  }

  NodePtr build(const NodePtr& node) {
    if (node->kind != Node::Kind::map) return command(node);
    return each(node,
                [&](const Entry& entry) { return entry.key == "command" ? command(entry.value) : plain(entry.value); });
  }

  // `node`, each value of a map as `change` gives it, each item of a list without its secrets; itself where nothing
  // changes.
  template <typename Change>
  NodePtr each(const NodePtr& node, const Change& change) {
    if (node->kind != Node::Kind::map) return plain(node);
    std::optional<Node> changed;
    std::vector<Entry> kept;
    for (const Entry& entry : node->entries) {
      path_.push_back(entry.key);
      if (is_refused_key(entry)) {
        changed = *node;  // without the entry: there is no other name for it
      } else {
        NodePtr value = change(entry);
        if (value != entry.value) changed = *node;
        kept.push_back({entry.key, entry.mark, std::move(value)});
      }
      path_.pop_back();
    }
    if (!changed) return node;
    changed->entries = std::move(kept);
    return shared(std::move(*changed));
  }

  bool is_refused_key(const Entry& entry) {
    const auto forms = secret_forms(entry.key);
    if (forms.empty()) return false;
    path_.back() = without(entry.key, forms);
    refuse(entry.mark, {forms.front(), ""}, false);
    context_.report.hide(entry.mark);
    hide(entry.mark, entry.key, forms);
    return true;
  }

  NodePtr plain(const NodePtr& node) {
    switch (node->kind) {
      case Node::Kind::null: return node;
      case Node::Kind::scalar: return scalar(node);
      case Node::Kind::map: return each(node, [&](const Entry& entry) { return plain(entry.value); });
      case Node::Kind::list: break;
    }
    return items(node, [&](const NodePtr& item) { return plain(item); });
  }

  template <typename Change>
  static NodePtr items(const NodePtr& node, const Change& change) {
    std::vector<NodePtr> items;
    for (const NodePtr& item : node->items) items.push_back(change(item));
    if (items == node->items) return node;
    Node changed = *node;
    changed.items = std::move(items);
    return shared(std::move(changed));
  }

  // What an alias repeats is looked at, and told, once.
  NodePtr scalar(const NodePtr& node) {
    auto [place, added] = seen_.emplace(node.get(), node);
    if (!added) return place->second;
    const std::string text = as_written(node->text);
    std::vector<Finding> findings;
    for (const SecretForm& form : secret_forms(text)) findings.push_back({form, ""});
    place->second = refuse_all(node, text, findings);
    return place->second;
  }

  NodePtr command(const NodePtr& node) {
    std::vector<NodePtr> nodes{node};
    if (node->kind == Node::Kind::list) nodes = node->items;
    std::vector<std::string> texts;
    for (const NodePtr& each : nodes) texts.push_back(as_written(each->text));
    std::vector<std::vector<CommandOption>> options(texts.size());
    for (CommandOption& option : options_of(texts)) options[option.item].push_back(std::move(option));
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = argument(nodes[i], texts[i], options[i]);
    if (node->kind != Node::Kind::list) return nodes.front();
    if (nodes == node->items) return node;
    Node changed = *node;
    changed.items = std::move(nodes);
    return shared(std::move(changed));
  }

  NodePtr argument(const NodePtr& node, const std::string& text, const std::vector<CommandOption>& options) {
    if (node->kind != Node::Kind::scalar) return plain(node);
    auto [place, added] = seen_.emplace(node.get(), node);
    if (!added && place->second != node) return place->second;
    std::vector<Finding> findings;
    const std::vector<SecretForm> forms = secret_forms(text);
    const bool too_many = forms.size() > kMostFindings;
    for (const SecretForm& form : forms)
      if (form.is_private_key || too_many || !is_excused(form, options)) findings.push_back({form, ""});
    for (const CommandOption& option : options)
      if (findings.size() <= kMostFindings) add_by_name(text, option, findings);
    place->second = refuse_all(node, text, findings);
    return place->second;
  }

  bool is_excused(const SecretForm& form, const std::vector<CommandOption>& options) const {
    return std::ranges::any_of(options, [&](const CommandOption& option) {
      return option.begin <= form.begin && form.end <= option.end && is_none(option.name);
    });
  }

  void add_by_name(const std::string& text, const CommandOption& option, std::vector<Finding>& findings) const {
    const std::string_view value = std::string_view(text).substr(option.begin, option.end - option.begin);
    const bool told = std::ranges::any_of(
        findings, [&](const Finding& each) { return each.form.begin < option.end && option.begin < each.form.end; });
    if (told || is_none(option.name) || !is_secret_option(option.name, value)) return;
    findings.push_back({{"by its name", "", option.begin, option.end, false}, option.name});
  }

  bool is_none(const std::string& name) const {
    return excused_ && std::ranges::find(*excused_, name) != excused_->end();
  }

  NodePtr environment(const std::string& service, const NodePtr& node) {
    if (node->kind == Node::Kind::list) return items(node, [&](const NodePtr& item) { return line(service, item); });
    if (node->kind != Node::Kind::map) return plain(node);
    return each(node, [&](const Entry& entry) {
      return entry.value->kind == Node::Kind::scalar
                 ? variable(service, entry.key, entry.mark, entry.value, entry.value->text)
                 : plain(entry.value);
    });
  }

  NodePtr line(const std::string& service, const NodePtr& item) {
    const std::size_t equals = item->text.find('=');
    if (item->kind != Node::Kind::scalar || equals == std::string::npos) return plain(item);
    return variable(service, item->text.substr(0, equals), item->mark, item, item->text.substr(equals + 1));
  }

  // Told of each service that has it, as each says for itself what is none.
  NodePtr variable(const std::string& service, const std::string& name, Mark mark, const NodePtr& node,
                   std::string_view written) {
    auto [place, added] = seen_.emplace(node.get(), node);
    const std::string text = as_written(written);
    std::vector<SecretForm> forms = secret_forms(text);
    if (is_none(name)) std::erase_if(forms, [](const SecretForm& form) { return !form.is_private_key; });
    if (forms.empty()) return node;
    refuse_variable(context_, mark, service, name, forms.front().why, !forms.front().is_private_key);
    hide(mark, text, forms);
    const std::string all = as_written(node->text);
    if (added || place->second == node) place->second = masked(node, all, secret_forms(all));
    return place->second;
  }

  NodePtr refuse_all(const NodePtr& node, const std::string& text, const std::vector<Finding>& findings) {
    if (findings.empty()) return node;
    std::vector<SecretForm> forms;
    std::set<std::string> told;
    if (findings.size() > kMostFindings) forms.push_back({"", "", 0, text.size(), false});
    for (const Finding& finding : findings) {
      forms.push_back(finding.form);
      if (told.insert(fmt::format("{}{}", finding.form.why, finding.option)).second)
        refuse(node->mark, finding, !finding.option.empty());
    }
    context_.report.hide(node->mark);
    hide(node->mark, text, forms);
    return masked(node, text, forms);
  }

  static NodePtr masked(const NodePtr& node, const std::string& text, const std::vector<SecretForm>& forms) {
    Node changed = *node;
    changed.text.clear();
    for (char c : without(text, forms)) changed.text += c == '$' ? "$$" : std::string(1, c);  // it is put in already
    return shared(std::move(changed));
  }

  void hide(Mark from, const std::string& text, const std::vector<SecretForm>& forms) {
    if (forms.size() > kMostFindings) return context_.report.hide(from, text, text.size());
    for (const SecretForm& form : forms)
      context_.report.hide(from, std::string_view(text).substr(form.begin, form.end - form.begin), text.size());
  }

  void refuse(Mark mark, const Finding& finding, bool can_be_none) {
    const std::string why =
        finding.option.empty() ? std::string(finding.form.why) : fmt::format("by the name of '{}'", finding.option);
    Mistake& mistake = context_.report.add(
        mark, "written-secret", fmt::format("{} holds a secret ({}) that stands in the manifest", place(), why));
    say_what_instead(mistake, secret_name(finding.option, finding.form.name));
    if (can_be_none) mistake.help.push_back(fmt::format("if it is none: not_secret: [{}]", finding.option));
  }

  bool is_at(std::initializer_list<std::string_view> wanted, std::size_t from) const {
    return path_.size() >= from + wanted.size() &&
           std::equal(wanted.begin(), wanted.end(), path_.begin() + static_cast<std::ptrdiff_t>(from));
  }

  bool is_in_service() const { return path_.size() > 2 && path_.front() == "services"; }

  // "'command' of service 'web'", "'gateway.headers.X-Key'"
  std::string place() const {
    if (!is_in_service()) return fmt::format("'{}'", fmt::join(path_, "."));
    return fmt::format("'{}' of service '{}'", fmt::join(path_.begin() + 2, path_.end(), "."), path_[1]);
  }

  void say_what_instead(Mistake& mistake, const std::string& name) const {
    if (is_in_service() && path_[2] == "command") {
      mistake.help.push_back(file_help(name));
      mistake.help.push_back(environment_help(name, variable_name(name)));
    } else if (is_at({"telemetry", "export", "headers"}, 0)) {
      mistake.help.push_back(
          fmt::format("write it into a file and name that: secrets: {{{0}: {{file: ./{0}}}}}; headers: {{{1}: {0}}}",
                      name, path_.size() > 3 ? path_[3] : "authorization"));
    } else {
      mistake.help.push_back(
          fmt::format("leave it to the environment of whoever runs bulkhead: ${{{}}}", variable_name(name)));
      mistake.help.emplace_back("what a program needs to know goes into a file that 'secrets' names");
    }
  }

  Context& context_;
  const NotSecrets& none_;
  const std::vector<std::string>* excused_ = nullptr;  // of the service that is looked at
  std::map<const Node*, NodePtr> seen_;                // scalars, and what is left of them
  std::vector<std::string> path_;                      // the keys that lead to where the search is
};

}  // namespace

void collect_not_secrets(const Context& context, const Node& root, NotSecrets& into) {
  const Entry* services = find_entry(root, "services");
  if (!services) return;
  for (const Entry& service : services->value->entries) {
    const Entry* names = find_entry(*service.value, "not_secret");
    if (!names) continue;
    std::vector<const Node*> nodes{names->value.get()};
    for (const NodePtr& item : names->value->items) nodes.push_back(item.get());
    for (const Node* node : nodes) {
      auto name = interpolate(node->text, context.options.environment);
      if (name && !name->empty()) into[service.key].push_back(std::move(*name));
    }
  }
}

NodePtr without_written_secrets(Context& context, const NotSecrets& none, const NodePtr& root) {
  if (context.options.takes_written_secrets) return root;
  return Search(context, none).root(root);
}

NodePtr without_written_secrets(Context& context, const std::string& key, const NodePtr& value) {
  if (context.options.takes_written_secrets) return value;
  return Search(context, {}).at(key, value);
}

void refuse_variable(Context& context, Mark mark, const std::string& service, const std::string& name,
                     std::string_view why, bool can_be_none) {
  Mistake& mistake = context.report.add(
      mark, "written-secret",
      fmt::format("'{}' of service '{}' is a secret ({}) that stands in the manifest", name, service, why));
  mistake.help.push_back(file_help(lower_case(name)));
  mistake.help.push_back(environment_help(lower_case(name), name));
  if (can_be_none) mistake.help.push_back(fmt::format("if it is none: not_secret: [{}]", name));
}

}  // namespace bulkhead::manifest
