#include <algorithm>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::string_view kForms =
    "a line for the shell (make), a list of words ([go, build, -o, web, .]), or a list of such lists";

bool has_blank(std::string_view text) { return text.find_first_of(" \t\n") != std::string_view::npos; }

class BuildReader {
 public:
  BuildReader(Context& context, Build& build) : context_(context), build_(build) {}

  void read_command(const Node& node, const std::string& what) {
    if (node.kind != Node::Kind::list) return read_line(node, what);
    const bool several = !node.items.empty() && node.items.front()->kind == Node::Kind::list;
    if (node.items.empty()) refuse_value(context_, node, what, "a command", kForms);
    if (!several && !node.items.empty()) read_words(node, what);
    for (const NodePtr& item : node.items) {
      if (!several) break;
      if (item->kind == Node::Kind::list && !item->items.empty())
        read_words(*item, what);
      else
        refuse_value(context_, *item, "a command of " + what, "a list of words");
    }
  }

 private:
  // Who builds has a shell at hand, and is no wall away from anything: a line may use it.
  void read_line(const Node& node, const std::string& what) {
    const auto text = read_text(context_, node, what);
    if (!text) return;
    if (text->value == "." || text->value == "..") {
      Mistake& mistake = context_.report.add(node.mark, "build", fmt::format("{} is a folder: {}", what, text->value));
      mistake.allowed = kForms;
      mistake.help.emplace_back("Compose builds an image of a folder; here a build is a command, and no image is made");
      return;
    }
    build_.commands.push_back({"/bin/sh", "-ec", text->value});
  }

  void read_words(const Node& node, const std::string& what) {
    std::vector<std::string> words;
    for (Text& text : read_texts(context_, node, what)) words.push_back(std::move(text.value));
    if (words.empty()) return;
    if (words.front().empty() || has_blank(words.front())) {
      Mistake& mistake = context_.report.add(node.items.front()->mark, "build",
                                             fmt::format("'{}' in {} is no program", words.front(), what));
      mistake.help.emplace_back("a list holds the words of one command: [npm, ci]");
      mistake.help.emplace_back(
          "several commands are lines of a text, or lists in a list: [[npm, ci], [npm, run, build]]");
      return;
    }
    build_.commands.push_back(std::move(words));
  }

  Context& context_;
  Build& build_;
};

void read_patterns(Context& context, const Fields& fields, std::string_view key, std::vector<std::string>& into) {
  const Node* node = fields.find(key);
  if (!node) return;
  for (Text& text : read_texts(context, *node, fields.what(key))) into.push_back(std::move(text.value));
}

}  // namespace

void read_build(Context& context, const Fields& fields, Service& service) {
  const Node* node = fields.find("build");
  if (!node) return;
  Build& build = service.build.emplace();
  build.dir = service.dir;
  BuildReader reader(context, build);
  if (node->kind == Node::Kind::map) {
    Fields inner(context, *node, Section::build, fmt::format("'build' of service '{}'", service.name));
    inner.require("command", "what makes the program, such as 'command: make'");
    if (const Node* command = inner.find("command")) reader.read_command(*command, inner.what("command"));
    inner.read_text_into("dir", build.dir);
    read_patterns(context, inner, "inputs", build.inputs);
    read_patterns(context, inner, "ignore", build.ignore);
  } else {
    reader.read_command(*node, fields.what("build"));
  }
  if (build.dir.empty() && !build.commands.empty()) {
    context.report.add(fields.mark("build"), "build", fmt::format("{} has no directory", fields.what("build")))
        .help.emplace_back("a service with an image has none of its own: build: {command: make, dir: ./web}");
  }
}

}  // namespace bulkhead::manifest
