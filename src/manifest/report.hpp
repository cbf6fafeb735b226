#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/mistake.hpp"
#include "manifest/tree.hpp"

namespace bulkhead::manifest {

// Collects the findings of one reading and adds the source lines. `text` outlives it.
class Report {
 public:
  Report(std::string file, std::string_view text);

  // A mistake at a mark of the manifest. The reference is good until the next add().
  Mistake& add(Mark mark, std::string code, std::string message);
  Mistake& add(const Position& position, std::string code, std::string message);
  Mistake& warn(const Position& position, std::string code, std::string message);

  // The one added last, to complete it.
  Mistake& last() { return mistakes_.back(); }

  // From now on nothing of that line from `column` on is shown: it may hold a secret.
  void hide(int line, int column);

  Position position(Mark mark) const { return {file_, mark.line, mark.column}; }
  bool empty() const { return mistakes_.empty(); }
  std::size_t size() const { return mistakes_.size(); }
  const std::string& file() const { return file_; }

  // All of them with their source lines, ordered by position, repetitions removed.
  std::vector<Mistake> take();

 private:
  std::string source(const Position& position) const;

  std::string file_;
  std::string_view text_;
  std::vector<std::size_t> lines_;  // where each line begins
  std::map<int, int> hidden_;       // line to first hidden column
  std::vector<Mistake> mistakes_;
};

}  // namespace bulkhead::manifest
