#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/mistake.hpp"
#include "manifest/source.hpp"
#include "manifest/tree.hpp"

namespace bulkhead::manifest {

// Collects the findings of one reading and adds the source lines.
class Report {
 public:
  explicit Report(const std::vector<Source>& sources = {});

  // Takes one more file; gives the number that its marks carry, from 0.
  std::uint16_t take(Source source);
  const Source& source(std::uint16_t file) const { return files_[file].source; }
  std::size_t files() const { return files_.size(); }

  // A mistake at a mark of a file. The reference is good until the next add().
  Mistake& add(Mark mark, std::string code, std::string message);
  Mistake& add(const Position& position, std::string code, std::string message);
  Mistake& warn(const Position& position, std::string code, std::string message);

  // The one added last, to complete it.
  Mistake& last() { return mistakes_.back(); }

  // From now on nothing from there to the end of its line is shown: it may hold a secret.
  void hide(Mark mark);

  // Nor what stands in a text of about `length` octets that begins there, each word of it, wherever its lines are
  // broken.
  void hide(Mark from, std::string_view secret, std::size_t length);

  Position position(Mark mark) const { return {files_[mark.file].source.file, mark.line, mark.column}; }
  Mark mark(const Position& position) const;  // of a file that was taken; the first file's beginning otherwise

  // How to speak of `there` at `here`: "line 3", or "shop.yaml:3" where that is another file.
  std::string place(Mark there, Mark here) const;

  bool empty() const { return mistakes_.empty(); }
  std::size_t size() const { return mistakes_.size(); }

  // All of them with their source lines, ordered by file, line and column, repetitions removed.
  std::vector<Mistake> take_mistakes();
  std::vector<Source> take_sources();

 private:
  struct File {
    Source source;
    std::vector<std::size_t> lines;  // where each line begins
    std::map<int, int> hidden;       // line to first hidden column
  };

  static void hide_private_keys(File& file);
  std::size_t number_of(const std::string& file) const;  // files_.size() where it was not taken
  std::string line_at(const Position& position) const;

  std::deque<File> files_;
  std::vector<Mistake> mistakes_;
};

}  // namespace bulkhead::manifest
