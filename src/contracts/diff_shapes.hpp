#pragma once

// How the values that two schemas allow differ. Of this folder.

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "contracts/program.hpp"

namespace bulkhead::contracts {

class ShapeDiff {
 public:
  // `narrower` says that the new schema allows less, or may; `wider` that it allows more.
  enum class Kind : std::uint8_t { narrower, wider, both };
  using Report = std::function<void(Kind, const std::string& pointer, std::string what)>;

  ShapeDiff(const Program& before, const Program& after, Direction direction, Report report)
      : before_(before), after_(after), direction_(direction), report_(std::move(report)) {}

  void compare(Index before, Index after);

 private:
  struct MemberView {
    Index shape = kNone;
    bool required = false;
  };
  // What a schema says together with those that it refers to.
  struct View {
    std::map<std::string, MemberView, std::less<>> members;
    std::vector<Index> shapes;  // itself and all of $ref and allOf
    bool open = true;           // members that are not named are allowed
  };
  View view(const Program& program, Index shape) const;
  void add(const Program& program, Index shape, View& view, int depth) const;

  struct Pair {
    Index before = kNone;
    Index after = kNone;
    std::string pointer;
  };
  void add_pair(Index before, Index after, std::string pointer) {
    pairs_.push_back({before, after, std::move(pointer)});
  }
  void compare(const Pair& pair);
  void compare_members(const View& before, const View& after, const std::string& pointer);
  void compare_rules(const View& before, const View& after, const std::string& pointer);
  void compare_forms(const View& before, const View& after, const std::string& pointer);
  void say(Kind kind, const std::string& pointer, std::string what) const { report_(kind, pointer, std::move(what)); }

  const Program& before_;
  const Program& after_;
  Direction direction_;
  Report report_;
  std::deque<Pair> pairs_;  // to be compared: what lies nearer comes first
  std::set<std::pair<Index, Index>> seen_;
};

}  // namespace bulkhead::contracts
