#pragma once

// Compiles schemas into a Program. What no rule here enforces is refused or noted, never dropped. Of this folder.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contracts/identifiers.hpp"
#include "contracts/program.hpp"

namespace bulkhead::contracts {

class Compiler {
 public:
  // `file` is named in faults. `identifiers` has learned the documents.
  Compiler(Dialect dialect, Identifiers& identifiers, std::string_view file);

  // The index that the schema will have. Schemas that it refers to are compiled too.
  Index add(const Target& target);
  // Compiles all that was added. Nothing may be added afterwards.
  Result<std::shared_ptr<const Program>> finish();
  // What stands in the schemas and is not enforced: "KEYWORD at POINTER: why". In order, each once.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Pending {
    Target target;
    Index index = 0;
  };
  // The schema that is being compiled.
  struct Work {
    const Node& node;
    Index resource;
    const std::string& pointer;
    Shape shape;
    NumberRules numbers;
    StringRules strings;
    ArrayRules arrays;
    ObjectRules objects;
    LogicRules logic;
    bool has_numbers = false;
    bool has_strings = false;
    bool has_arrays = false;
    bool has_objects = false;
    bool has_logic = false;
  };
  struct Named {
    std::string_view name;
    const Node& value;
    Mark mark;
  };

  Result<> compile(const Pending& pending);
  Result<> members(Work& work);
  Result<> unknown_member(Work& work, const Named& member);
  Result<> apply(Work& work, Keyword keyword, const Named& member);
  Result<> apply_value(Work& work, Keyword keyword, const Named& member);
  Result<> apply_number(Work& work, Keyword keyword, const Named& member);
  Result<> apply_string(Work& work, Keyword keyword, const Named& member);
  Result<> apply_array(Work& work, Keyword keyword, const Named& member);
  Result<> apply_object(Work& work, Keyword keyword, const Named& member);
  Result<> apply_logic(Work& work, Keyword keyword, const Named& member);
  Result<> apply_type(Work& work, const Named& member);
  Result<> apply_format(Work& work, const Named& member);
  Result<> apply_exclusive(Work& work, Keyword keyword, const Named& member);
  Result<> apply_items(Work& work, const Named& member);
  Result<> apply_properties(Work& work);
  Result<> add_required(Work& work, std::vector<Property>& properties);
  Result<> apply_patterns(Work& work, const Named& member);
  Result<> apply_dependencies(Work& work, Keyword keyword, const Named& member);
  Result<> apply_reference(Work& work, Keyword keyword, const Named& member);
  void store(Work& work, Index index);
  void store_properties(Work& work, std::vector<Property> properties);

  Result<Constant> constant(const Work& work, const Named& member);
  Result<Index> length(const Work& work, const Named& member);
  Result<bool> boolean(const Work& work, const Named& member);
  Result<std::vector<std::string>> names(const Work& work, const Named& member);
  Result<Range> list(Work& work, const Named& member);
  Result<Index> pattern(const Work& work, const Named& member, std::string_view expression);
  Index child(const Work& work, std::string_view keyword, const Node& schema);
  Index child(const Work& work, std::string_view keyword, std::string_view token, const Node& schema);
  Index add_literal(const Node& value);

  // Whether the property's schema, or one that it refers to, has the flag.
  bool is_marked(const Node& schema, Index resource, std::string_view flag, int depth = 0);
  // The schema that declares the member, in `schema` or in what it refers to; null where none does.
  const Node* declared(const Node& schema, Index& resource, std::string_view name, int depth = 0);

  void add_dynamic_anchors();
  Result<> resolve_literals();
  Result<> refuse_endless_references() const;
  void spread_sensitive();

  void note(const Work& work, std::string_view keyword, std::string_view why);
  template <class... Args>
  std::unexpected<Fault> refuse(const Work& work, Mark mark, Cause cause, fmt::format_string<Args...> format,
                                Args&&... args) const {
    return refused(work, mark, cause, fmt::format(format, std::forward<Args>(args)...));
  }
  std::unexpected<Fault> refused(const Work& work, Mark mark, Cause cause, const std::string& what) const;
  std::unexpected<Fault> not_supported(const Work& work, const Named& member, std::string_view why = "") const;

  Dialect dialect_;
  Identifiers& identifiers_;
  std::string file_;
  std::shared_ptr<Program> program_ = std::make_shared<Program>();
  std::vector<Pending> pending_;
  std::map<const Node*, Index> known_;
  std::map<std::string, Index, std::less<>> patterns_;
  std::map<std::string, Index, std::less<>> dynamic_names_;
  Index literal_count_ = 0;
  std::vector<std::string> notes_;
  std::set<std::string> noted_;
};

}  // namespace bulkhead::contracts
