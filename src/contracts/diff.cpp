#include "contracts/diff.hpp"

#include <algorithm>

#include "contracts/diff_shapes.hpp"
#include "contracts/model.hpp"

namespace bulkhead::contracts {

namespace {

// With the base in front and without the templates' names.
std::string key_of(const Model& model, const Operation& operation) {
  std::string key = operation.method + " " + model.bases.front();
  for (std::string_view rest = operation.path; !rest.empty();) {
    const std::size_t begin = std::min(rest.find('{'), rest.size());
    key += rest.substr(0, begin);
    if (begin == rest.size()) break;
    key += "{}";
    rest.remove_prefix(std::min(rest.find('}'), rest.size() - 1) + 1);
  }
  return key;
}

class OperationDiff {
 public:
  OperationDiff(const Model& before, const Model& after, const Operation& old_one, const Operation& new_one,
                std::vector<Change>& changes)
      : before_(before), after_(after), old_(old_one), new_(new_one), changes_(changes) {}

  void run() {
    compare_parameters();
    compare_bodies();
    compare_responses();
  }

 private:
  void say(bool breaking, std::string where, std::string pointer, std::string what) {
    Change change{breaking, old_.method, old_.path, std::move(where), std::move(pointer), std::move(what)};
    if (std::ranges::find(changes_, change) == changes_.end()) changes_.push_back(std::move(change));
  }

  void compare_schemas(Index before, Index after, Direction direction, const std::string& where) {
    const auto report = [&](ShapeDiff::Kind kind, const std::string& pointer, std::string what) {
      const auto harmless = direction == Direction::request ? ShapeDiff::Kind::wider : ShapeDiff::Kind::narrower;
      say(kind != harmless, where, pointer, std::move(what));
    };
    ShapeDiff(*before_.program, *after_.program, direction, report).compare(before, after);
  }

  static std::string spoken(const Parameter& parameter) {
    return fmt::format("{} parameter '{}'", to_string(parameter.where), parameter.name);
  }

  // Path parameters are the same by their place.
  const Parameter* same(const Parameter& wanted, const Operation& from, const Operation& in) const {
    std::string name = wanted.name;
    if (wanted.where == Where::path) {
      const auto place = static_cast<std::size_t>(std::ranges::find(from.templates, name) - from.templates.begin());
      name = in.templates[place];
    }
    const auto found = std::ranges::find_if(
        in.parameters, [&](const Parameter& each) { return each.where == wanted.where && each.name == name; });
    return found == in.parameters.end() ? nullptr : &*found;
  }

  void compare_parameters() {
    for (const Parameter& parameter : old_.parameters) {
      const Parameter* now = same(parameter, old_, new_);
      if (!now) {
        say(parameter.where == Where::query, spoken(parameter), "", "is gone");  // an undeclared one is refused
        continue;
      }
      if (now->required && !parameter.required) say(true, spoken(parameter), "", "is required now");
      if (!now->required && parameter.required) say(false, spoken(parameter), "", "is not required any more");
      if (now->style != parameter.style || now->explode != parameter.explode || now->kind != parameter.kind) {
        say(true, spoken(parameter), "", "is written in another way");
      }
      compare_schemas(parameter.shape, now->shape, Direction::request, spoken(parameter));
    }
    for (const Parameter& parameter : new_.parameters) {
      if (same(parameter, new_, old_)) continue;
      say(parameter.required, spoken(parameter), "", parameter.required ? "is new, and required" : "is new");
    }
  }

  void compare_bodies() {
    const BodyRules& was = old_.body;
    const BodyRules& is = new_.body;
    if (was.declared && !is.declared) return say(true, "request body", "", "is gone");
    if (is.required && !was.required) say(true, "request body", "", "is required now");
    if (!is.required && was.required) say(false, "request body", "", "is not required any more");
    if (was.unchecked && !is.unchecked) say(true, "request body", "", "is checked and limited now");
    compare_media(was.media, is.media, Direction::request, "request body");
  }

  void compare_media(const std::vector<MediaType>& before, const std::vector<MediaType>& after, Direction direction,
                     const std::string& where) {
    for (const MediaType& media : before) {
      const MediaType* now = select_media(after, media.range);
      if (!now) {
        say(true, where, "", fmt::format("'{}' is gone", media.range));
      } else {
        compare_schemas(media.shape, now->shape, direction, where);
      }
    }
    for (const MediaType& media : after) {
      if (!select_media(before, media.range)) say(false, where, "", fmt::format("'{}' is new", media.range));
    }
  }

  static std::string spoken(const ResponseRules& rules) {
    if (rules.highest == 999) return "response default";
    if (rules.lowest != rules.highest) return fmt::format("response {}XX", rules.lowest / 100);
    return fmt::format("response {}", rules.lowest);
  }

  // The rules that hold for all statuses of `wanted`.
  static const ResponseRules* covering(const ResponseRules& wanted, const Operation& in) {
    const auto found = std::ranges::find_if(in.responses, [&](const ResponseRules& each) {
      return each.lowest <= wanted.lowest && wanted.highest <= each.highest;
    });
    return found == in.responses.end() ? nullptr : &*found;
  }

  void compare_responses() {
    for (const ResponseRules& rules : old_.responses) {
      const ResponseRules* now = covering(rules, new_);
      if (!now) {
        say(rules.lowest / 100 == 2, spoken(rules), "", "is gone");
      } else {
        compare_media(rules.media, now->media, Direction::response, spoken(rules));
      }
    }
    for (const ResponseRules& rules : new_.responses) {
      if (!covering(rules, old_)) say(false, spoken(rules), "", "is new");
    }
  }

  const Model& before_;
  const Model& after_;
  const Operation& old_;
  const Operation& new_;
  std::vector<Change>& changes_;
};

}  // namespace

std::vector<Change> diff(const Contract& before, const Contract& after) {
  const Model& old_model = before.model();
  const Model& new_model = after.model();
  const auto find = [](const Model& model, const std::string& key) {
    const auto found =
        std::ranges::find_if(model.operations, [&](const Operation& each) { return key_of(model, each) == key; });
    return found == model.operations.end() ? nullptr : &*found;
  };
  std::vector<Change> changes;
  for (const Operation& operation : old_model.operations) {
    const Operation* now = find(new_model, key_of(old_model, operation));
    if (!now) {
      changes.push_back({true, operation.method, operation.path, "", "", "is gone"});
    } else {
      OperationDiff(old_model, new_model, operation, *now, changes).run();
    }
  }
  for (const Operation& operation : new_model.operations) {
    if (find(old_model, key_of(new_model, operation))) continue;
    changes.push_back({false, operation.method, operation.path, "", "", "is new"});
  }
  return changes;
}

std::string to_string(const Change& change) {
  std::string text = fmt::format("{}: {} {}", change.breaking ? "breaking" : "compatible", change.method, change.path);
  if (!change.where.empty()) text += ", " + change.where;
  if (!change.pointer.empty()) text += ", " + change.pointer;
  return text + ": " + change.what;
}

}  // namespace bulkhead::contracts
