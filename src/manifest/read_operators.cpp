// Who may do what with what runs: the roles of Unix groups, and the ways into compartments.

#include <algorithm>
#include <map>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kMostGroups = 64;

// As useradd(8) takes them, or a number.
bool is_group(std::string_view text) {
  if (whole_number(text)) return true;
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !text.empty() && text.size() <= 32 && text.front() != '-' && text.front() != '.' &&
         !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }) && std::ranges::all_of(text, allowed);
}

class OperatorsReader {
 public:
  OperatorsReader(Context& context, const Fields& fields) : context_(context), fields_(fields) {}

  void read(std::string_view role, std::vector<Operators::Group>& groups) {
    const Node* node = fields_.find(role);
    if (!node) return;
    for (const Text& text : read_texts(context_, *node, fields_.what(role), "the name of a Unix group, or its number"))
      add(role, text, groups);
  }

 private:
  void add(std::string_view role, const Text& text, std::vector<Operators::Group>& groups) {
    if (!is_group(text.value)) {
      Mistake& mistake =
          context_.report.add(text.mark, "bad-name", fmt::format("'{}' cannot be a Unix group", text.value));
      mistake.allowed = "letters, digits, '-', '_' and '.', at most 32, or the group's number";
      return;
    }
    const auto [first, is_new] = roles_.emplace(text.value, role);
    if (!is_new) {
      context_.report
          .add(text.mark, "operators", fmt::format("the group '{}' has a role already: {}", text.value, first->second))
          .help.emplace_back("each role includes the ones before it (viewer, operator, admin): keep one");
      return;
    }
    if (roles_.size() > kMostGroups) {
      if (roles_.size() == kMostGroups + 1)
        context_.report.add(text.mark, "operators", fmt::format("more than {} groups have a role", kMostGroups));
      return;
    }
    groups.push_back({text.value, context_.report.position(text.mark)});
  }

  Context& context_;
  const Fields& fields_;
  std::map<std::string, std::string_view> roles_;  // by group
};

}  // namespace

void read_operators(Context& context, const Node& node, Application& application) {
  const Fields fields(context, node, Section::operators, "'operators' of the manifest");
  if (!fields.readable()) return;
  OperatorsReader reader(context, fields);
  reader.read("viewer", application.operators.viewer);
  reader.read("operator", application.operators.operate);
  reader.read("admin", application.operators.admin);
}

// `false` closes all of them.
void read_debug(Context& context, const Node& node, std::string owner, Debug& debug) {
  if (node.kind != Node::Kind::map) {
    const auto text = read_text(context, node, owner);
    if (!text) return;
    if (text->value == "false")
      debug = {false, false, false};
    else if (text->value != "true")
      refuse_value(context, node, owner, "true, false or a map", "{exec: false, run: false, forward: false}");
    return;
  }
  const Fields fields(context, node, Section::debug, std::move(owner));
  fields.read_bool_into("exec", debug.exec);
  fields.read_bool_into("run", debug.run);
  fields.read_bool_into("forward", debug.forward);
}

}  // namespace bulkhead::manifest
