#include <algorithm>

#include "base/nearest.hpp"
#include "manifest/draft.hpp"
#include "manifest/env_file.hpp"
#include "manifest/field_names.hpp"
#include "manifest/interpolate.hpp"
#include "manifest/written_secrets.hpp"

namespace bulkhead::manifest {

namespace {

// Nothing here puts a value into a message: values may be secrets.
class EnvironmentReader {
 public:
  EnvironmentReader(Context& context, Service& service) : context_(context), service_(service) {}

  void read_files() {
    if (!context_.options.read_env_file) return;
    for (const std::string& path : service_.env_file) read_file(path);
  }

  void read_node(const Node& node, const std::string& what) {
    if (node.kind == Node::Kind::map) {
      for (const Entry& entry : node.entries) read_pair(entry, what);
    } else if (node.kind == Node::Kind::list) {
      for (const NodePtr& item : node.items) read_line(*item, what);
    } else if (node.kind != Node::Kind::null) {
      refuse(node.mark, what + " must be a map or a list", "{NAME: value} or [NAME=value]");
    }
  }

 private:
  void read_file(const std::string& path) {
    auto content = context_.options.read_env_file(path);
    if (!content) {
      Mistake& mistake = context_.report.add(service_.position, "env-file",
                                             fmt::format("the env_file of service '{}' cannot be read", service_.name));
      mistake.help.push_back(content.error().message);
      return;
    }
    EnvFile file = parse_env_file(*content, path);
    for (Mistake& mistake : file.mistakes) {
      context_.report.add(mistake.position, mistake.code, mistake.message).allowed = mistake.allowed;
    }
    for (Variable& variable : file.variables) add(std::move(variable));
  }

  void read_pair(const Entry& entry, const std::string& what) {
    hide(*entry.value, entry.mark, entry.key);
    const Node& node = *entry.value;
    if (node.kind == Node::Kind::null) {
      Mistake& mistake = refuse(entry.mark, fmt::format("'{}' in {} has no value", entry.key, what), "");
      mistake.help.push_back(
          fmt::format("write '{0}: \"\"' for an empty one, or '{0}: ${{{0}}}' to hand yours on", entry.key));
      return;
    }
    if (node.kind != Node::Kind::scalar) {
      refuse(entry.mark, fmt::format("'{}' in {} must be a single value", entry.key, what), "");
      return;
    }
    auto text = read_text(context_, node, fmt::format("'{}' in {}", entry.key, what));
    if (!text) return;
    refuse_written(entry.key, node, entry.mark);
    take(entry.key, std::move(text->value), entry.mark, what);
  }

  void read_line(const Node& node, const std::string& what) {
    if (node.kind != Node::Kind::scalar) {
      refuse(node.mark, "an entry of " + what + " must be NAME=value", "");
      return;
    }
    std::size_t equals = node.text.find('=');
    std::string name = node.text.substr(0, equals);
    if (equals == std::string::npos || !is_variable_name(name)) {
      context_.report.hide(node.mark);
      refuse(node.mark, "an entry of " + what + " must be NAME=value", "");
      return;
    }
    context_.report.hide(after(node.mark, name));
    Node value = node;
    value.text = node.text.substr(equals + 1);
    auto text = read_text(context_, value, fmt::format("'{}' in {}", name, what));
    if (!text) return;
    refuse_written(name, value, node.mark);
    take(name, std::move(text->value), node.mark, what);
  }

  // A secret that the manifest's text alone says, a default of a variable too, by the name of the variable: by their
  // form they were refused where the files were read.
  void refuse_written(const std::string& name, const Node& value, Mark mark) {
    if (context_.options.takes_written_secrets || is_not_secret(name)) return;
    auto written = interpolate(value.text, [](std::string_view) { return std::optional<std::string>(); });
    if (!written || !is_secret_by_name(name, *written)) return;
    refuse_variable(context_, mark, service_.name, name, "by its name", true);
  }

  bool is_not_secret(const std::string& name) const {
    return std::ranges::find(service_.not_secret, name) != service_.not_secret.end();
  }

  void hide(const Node& value, Mark key, const std::string& name) {
    context_.report.hide(after(key, name));
    if (value.mark.line > key.line) context_.report.hide({value.mark.line, 1, value.mark.file});
  }

  void take(const std::string& name, std::string value, Mark mark, const std::string& what) {
    if (!is_variable_name(name)) {
      refuse(mark, fmt::format("'{}' in {} cannot be the name of a variable", name, what),
             "letters, digits and '_', no digit first");
      return;
    }
    if (name.starts_with("BULKHEAD_")) {
      refuse(mark, fmt::format("'{}' in {}: names that begin with BULKHEAD_ are the platform's", name, what), "");
      return;
    }
    add({name, std::move(value), context_.report.position(mark)});
  }

  // A later one takes the place of an earlier one of the same name.
  void add(Variable variable) {
    bool other_port = variable.name == "PORT" && !service_.ports.empty() &&
                      variable.value != to_string(service_.ports.front().number);
    if (other_port) {
      Mistake& mistake =
          context_.report.add(variable.position, "port-variable",
                              fmt::format("PORT is set for service '{}', and not to its port", service_.name));
      mistake.help.push_back(
          fmt::format("PORT is injected as {}: remove it here", service_.ports.front().number.number));
    }
    auto& variables = service_.environment;
    auto same = std::ranges::find(variables, variable.name, &Variable::name);
    if (same == variables.end())
      variables.push_back(std::move(variable));
    else
      *same = std::move(variable);
  }

  Mistake& refuse(Mark mark, std::string message, std::string allowed) {
    Mistake& mistake = context_.report.add(mark, "environment", std::move(message));
    mistake.allowed = std::move(allowed);
    return mistake;
  }

  Context& context_;
  Service& service_;
};

std::vector<Text> read_not_secret(Context& context, const Fields& fields) {
  const Node* node = fields.find("not_secret");
  return node ? read_texts(context, *node, fields.what("not_secret"), "[MAX_TOKEN, ...]") : std::vector<Text>();
}

// Whether it stands there, or in a list or a list of lists there.
bool has_text(const Node* node, std::string_view text) {
  if (!node) return false;
  return node->text.find(text) != std::string::npos ||
         std::ranges::any_of(node->items, [&](const NodePtr& item) { return has_text(item.get(), text); });
}

bool builds_with(const Node* build, std::string_view text) {
  if (!build) return false;
  const auto command = std::ranges::find(build->entries, "command", &Entry::key);
  return has_text(build, text) || (command != build->entries.end() && has_text(command->value.get(), text));
}

// A variable of the service, or an option of a command of it.
bool is_there(const Service& service, const Fields& fields, const std::string& name) {
  return std::ranges::find(service.environment, name, &Variable::name) != service.environment.end() ||
         has_text(fields.find("command"), name) || builds_with(fields.find("build"), name);
}

}  // namespace

void read_environment(Context& context, const Fields& fields, Service& service) {
  const std::vector<Text> not_secret = read_not_secret(context, fields);
  for (const Text& name : not_secret) service.not_secret.push_back(name.value);
  EnvironmentReader reader(context, service);
  reader.read_files();
  if (const Node* node = fields.find("environment")) reader.read_node(*node, fields.what("environment"));
  for (const Text& name : not_secret) {
    if (is_there(service, fields, name.value)) continue;
    std::vector<std::string> names;
    for (const Variable& variable : service.environment) names.push_back(variable.name);
    context.report
        .add(name.mark, "environment",
             fmt::format("'{}' in {} is no variable of the service and no option of its command", name.value,
                         fields.what("not_secret")))
        .did_you_mean = nearest(name.value, names);
  }
}

}  // namespace bulkhead::manifest
