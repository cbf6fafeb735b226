#include "contracts/compiler.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace bulkhead::contracts {

namespace {

constexpr int kDeepestSearch = 16;
constexpr std::size_t kMostShapes = 100'000;

}  // namespace

Compiler::Compiler(Dialect dialect, Identifiers& identifiers, std::string_view file)
    : dialect_(dialect), identifiers_(identifiers), file_(file) {}

Index Compiler::add(const Target& target) {
  const auto [known, added] = known_.emplace(target.node, static_cast<Index>(program_->shapes.size()));
  if (!added) return known->second;
  program_->shapes.emplace_back();
  pending_.push_back({target, known->second});
  return known->second;
}

Result<std::shared_ptr<const Program>> Compiler::finish() {
  while (!pending_.empty()) {
    const Pending next = std::move(pending_.back());
    pending_.pop_back();
    if (program_->shapes.size() > kMostShapes)
      return fail(Cause::exhausted, "{}: more than {} schemas", file_, kMostShapes);
    if (auto compiled = compile(next); !compiled) return fail(compiled.error());
    if (pending_.empty()) add_dynamic_anchors();
  }
  if (auto resolved = resolve_literals(); !resolved) return fail(resolved.error());
  if (auto ending = refuse_endless_references(); !ending) return fail(ending.error());
  spread_sensitive();
  return std::shared_ptr<const Program>(program_);
}

// All that dynamic references may lead to: every resource that has such an anchor.
void Compiler::add_dynamic_anchors() {
  auto& anchors = program_->dynamic_anchors;
  for (const auto& [name, id] : dynamic_names_) {
    for (Index i = 0; i < identifiers_.resources().size(); ++i) {
      const Resource& resource = identifiers_.resources()[i];
      const auto found = resource.dynamic_anchors.find(name);
      const bool known = std::ranges::any_of(
          anchors, [&](const DynamicAnchor& each) { return each.resource == i && each.name == id; });
      if (found == resource.dynamic_anchors.end() || known) continue;
      anchors.push_back({i, id, add({found->second, i, resource.uri + "#" + name, name})});
    }
  }
}

Result<> Compiler::resolve_literals() {
  program_->literal_text.push_back(']');
  if (literal_count_ == 0) program_->literal_text = "[]";
  Json& literals = program_->literals;
  if (const auto mistake = literals.read(program_->literal_text)) {
    return fail(Cause::unsupported, "{}: a value of 'enum' or 'const': {}", file_, mistake->what);
  }
  std::vector<Index> places;
  for (Index item = 1; item < literals.size(); item = literals[item].next) places.push_back(item);
  for (Index& each : program_->literals_of) each = places[each];
  for (Shape& shape : program_->shapes) {
    if (shape.constant != kNone) shape.constant = places[shape.constant];
  }
  return {};
}

// A schema that applies itself to the same value would be evaluated without end.
Result<> Compiler::refuse_endless_references() const {
  enum class Colour : std::uint8_t { fresh, open, done };
  struct Step {
    Index shape;
    std::vector<Index> next;
  };
  std::vector<Colour> colours(program_->shapes.size(), Colour::fresh);
  std::vector<Step> steps;
  const auto enter = [&](Index shape) {
    colours[shape] = Colour::open;
    steps.push_back({shape, {}});
    in_place(*program_, program_->shapes[shape], steps.back().next);
  };
  for (Index start = 0; start < colours.size(); ++start) {
    if (colours[start] == Colour::fresh) enter(start);
    while (!steps.empty()) {
      if (steps.back().next.empty()) {
        colours[steps.back().shape] = Colour::done;
        steps.pop_back();
        continue;
      }
      const Index next = steps.back().next.back();
      steps.back().next.pop_back();
      if (colours[next] == Colour::open) {
        return fail(Cause::invalid, "{}: the schema at {} refers to itself without end", file_,
                    program_->pointers[program_->shapes[next].pointer]);
      }
      if (colours[next] == Colour::fresh) enter(next);
    }
  }
  return {};
}

// What consists of a schema that is x-sensitive is so, too: then nobody has to look further.
void Compiler::spread_sensitive() {
  auto& shapes = program_->shapes;
  std::vector<std::vector<Index>> around(shapes.size());
  std::vector<Index> parts;
  std::vector<Index> marked;
  for (Index i = 0; i < shapes.size(); ++i) {
    parts.clear();
    in_place(*program_, shapes[i], parts);
    for (const Index part : parts) around[part].push_back(i);
    if (shapes[i].sensitive) marked.push_back(i);
  }
  while (!marked.empty()) {
    const Index part = marked.back();
    marked.pop_back();
    for (const Index whole : around[part]) {
      if (!std::exchange(shapes[whole].sensitive, true)) marked.push_back(whole);
    }
  }
}

std::unexpected<Fault> Compiler::refused(const Work& work, Mark mark, Cause cause, const std::string& what) const {
  if (work.resource != 0 || file_.empty()) return fail(cause, "{} at {}", what, work.pointer);
  return fail(cause, "{}:{}:{}: {} at {}", file_, mark.line, mark.column, what, work.pointer);
}

std::unexpected<Fault> Compiler::not_supported(const Work& work, const Named& member, std::string_view why) const {
  return refuse(work, member.mark, Cause::unsupported, "not supported: {}{}{}", member.name, why.empty() ? "" : ", ",
                why);
}

void Compiler::note(const Work& work, std::string_view keyword, std::string_view why) {
  std::string text = fmt::format("{} at {}: {}", keyword, work.pointer, why);
  if (noted_.insert(text).second) notes_.push_back(std::move(text));
}

Index Compiler::child(const Work& work, std::string_view keyword, const Node& schema) {
  std::string pointer = work.pointer;
  append_token(pointer, keyword);
  return add({&schema, identifiers_.resource_at(schema, work.resource), std::move(pointer), ""});
}

Index Compiler::child(const Work& work, std::string_view keyword, std::string_view token, const Node& schema) {
  std::string pointer = work.pointer;
  append_token(pointer, keyword);
  append_token(pointer, token);
  return add({&schema, identifiers_.resource_at(schema, work.resource), std::move(pointer), ""});
}

Result<> Compiler::compile(const Pending& pending) {
  Work work{*pending.target.node, pending.target.resource, pending.target.pointer};
  work.shape.resource = work.resource;
  work.shape.pointer = static_cast<Index>(program_->pointers.size());
  program_->pointers.push_back(work.pointer);
  if (work.node.is(Kind::boolean)) {
    work.shape.never = !work.node.truth;
  } else if (!work.node.is(Kind::object)) {
    return refuse(work, work.node.mark, Cause::invalid, "a schema is an object, and this is {}",
                  spoken(work.node.kind));
  } else if (auto read = members(work); !read) {
    return read;
  }
  store(work, pending.index);
  return {};
}

Result<> Compiler::members(Work& work) {
  const bool alone = reference_rules_alone(dialect_) && work.node.find("$ref");
  for (const auto& [name, mark, value] : work.node.members) {
    const Named member{name, value, mark};
    const KeywordFacts* facts = keyword(dialect_, name);
    // That something is to be kept secret holds beside a reference, too: whoever wrote it there relies on it.
    if (alone && name != "$ref" && name != kSensitive) {
      const bool says_something = is_openapi(dialect_) && (!facts || facts->keyword != Keyword::annotation);
      if (says_something && !name.starts_with("x-"))
        note(work, name, "ignored beside $ref, as this version of OpenAPI says");
      continue;
    }
    auto applied = facts ? apply(work, facts->keyword, member) : unknown_member(work, member);
    if (!applied) return applied;
  }
  if (alone) return {};
  return apply_properties(work);
}

Result<> Compiler::unknown_member(Work& work, const Named& member) {
  if (!is_openapi(dialect_)) return {};  // an annotation
  if (member.name == kSensitive) {
    auto flag = boolean(work, member);
    if (!flag) return fail(flag.error());
    work.shape.sensitive = *flag;
    return {};
  }
  if (member.name.starts_with("x-bulkhead-"))
    return not_supported(work, member, "no such extension of a schema is known");
  if (member.name.starts_with("x-")) return {};
  if (dialect_ == Dialect::openapi30) return not_supported(work, member, "OpenAPI 3.0 has no such keyword");
  note(work, member.name, "no such keyword is known");
  return {};
}

Result<> Compiler::apply(Work& work, Keyword keyword, const Named& member) {
  using enum Keyword;
  switch (keyword) {
    case annotation: return {};
    case unenforced: return note(work, member.name, "not enforced"), Result<>();
    case type:
    case enumeration:
    case constant:
    case nullable:
    case read_only:
    case write_only:
    case schema_uri: return apply_value(work, keyword, member);
    case multiple_of:
    case maximum:
    case exclusive_maximum:
    case minimum:
    case exclusive_minimum: return apply_number(work, keyword, member);
    case max_length:
    case min_length:
    case pattern:
    case format: return apply_string(work, keyword, member);
    case items:
    case prefix_items:
    case additional_items:
    case contains:
    case min_contains:
    case max_contains:
    case max_items:
    case min_items:
    case unique_items:
    case unevaluated_items: return apply_array(work, keyword, member);
    case properties:
    case pattern_properties:
    case additional_properties:
    case property_names:
    case required:
    case max_properties:
    case min_properties:
    case dependencies:
    case dependent_required:
    case dependent_schemas:
    case unevaluated_properties: return apply_object(work, keyword, member);
    case all_of:
    case any_of:
    case one_of:
    case negated:
    case condition:
    case then:
    case otherwise:
    case reference:
    case dynamic_reference: return apply_logic(work, keyword, member);
  }
  return {};
}

void Compiler::store(Work& work, Index index) {
  const auto keep = [](bool has, auto& rules, auto& into) {
    if (!has) return kNone;
    into.push_back(std::move(rules));
    return static_cast<Index>(into.size() - 1);
  };
  Shape& shape = work.shape;
  shape.number = keep(work.has_numbers, work.numbers, program_->numbers);
  shape.string = keep(work.has_strings, work.strings, program_->strings);
  shape.array = keep(work.has_arrays, work.arrays, program_->arrays);
  shape.object = keep(work.has_objects, work.objects, program_->objects);
  shape.logic = keep(work.has_logic, work.logic, program_->logic);
  shape.scalar = !shape.never && !shape.has_enumeration && shape.constant == kNone && !work.has_arrays &&
                 !work.has_objects && !work.has_logic;
  shape.simple = shape.scalar && !work.has_numbers && !work.has_strings;
  program_->tracks = program_->tracks || shape.unevaluated;
  program_->shapes[index] = shape;
}

void Compiler::store_properties(Work& work, std::vector<Property> properties) {
  ObjectRules& rules = work.objects;
  for (const Property& property : properties) {
    for (std::size_t i = 0; i < kDirections; ++i) rules.required[i] += property.required[i] ? 1 : 0;
  }
  auto& all = program_->properties;
  auto& slots = program_->slots;
  rules.properties = {static_cast<Index>(all.size()), static_cast<Index>(all.size() + properties.size())};
  rules.slots = static_cast<Index>(slots.size());
  rules.slot_mask = static_cast<Index>(std::bit_ceil(2 * properties.size() + 1) - 1);
  slots.resize(slots.size() + rules.slot_mask + 1, kNone);
  for (Property& property : properties) {
    property.hash = hash_text(property.name);
    Index slot = property.hash & rules.slot_mask;
    while (slots[rules.slots + slot] != kNone) slot = (slot + 1) & rules.slot_mask;
    slots[rules.slots + slot] = static_cast<Index>(all.size());
    all.push_back(std::move(property));
  }
}

Index Compiler::add_literal(const Node& value) {
  std::string& text = program_->literal_text;
  text.push_back(literal_count_ == 0 ? '[' : ',');
  append_json(text, value);
  return literal_count_++;
}

bool Compiler::is_marked(const Node& schema, Index resource, std::string_view flag, int depth) {
  if (depth > kDeepestSearch || !schema.is(Kind::object)) return false;
  const std::string_view reference = schema.string("$ref");
  if (!reference.empty()) {
    const auto target = identifiers_.resolve(resource, reference);
    if (target && is_marked(*target->node, target->resource, flag, depth + 1)) return true;
    if (reference_rules_alone(dialect_)) return false;
  }
  if (schema.flag(flag)) return true;
  const Node* all_of = schema.find("allOf");
  return all_of && std::ranges::any_of(all_of->items, [&](const Node& each) {
           return is_marked(each, identifiers_.resource_at(each, resource), flag, depth + 1);
         });
}

const Node* Compiler::declared(const Node& schema, Index& resource, std::string_view name, int depth) {
  if (depth > kDeepestSearch || !schema.is(Kind::object)) return nullptr;
  if (const Node* properties = schema.find("properties")) {
    if (const Node* found = properties->find(name)) return found;
  }
  const std::string_view reference = schema.string("$ref");
  if (!reference.empty()) {
    const auto target = identifiers_.resolve(resource, reference);
    Index its = target ? target->resource : 0;
    if (const Node* found = target ? declared(*target->node, its, name, depth + 1) : nullptr) {
      resource = its;
      return found;
    }
  }
  const Node* all_of = schema.find("allOf");
  if (!all_of) return nullptr;
  for (const Node& each : all_of->items) {
    if (const Node* found = declared(each, resource, name, depth + 1)) return found;
  }
  return nullptr;
}

}  // namespace bulkhead::contracts
