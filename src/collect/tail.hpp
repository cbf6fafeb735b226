#pragma once

// Follows a file of lines that is rotated by renaming (path, path.1 … path.N; path.1 is the youngest of the old ones),
// from a position that outlives this process. One thread.

#include <functional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "collect/window.hpp"

namespace bulkhead::collect {

class Tail {
 public:
  // `old_files`: how many numbers there may be.
  Tail(std::string path, unsigned old_files, Position position);

  struct Sink {
    std::function<Result<>(std::string_view line)> line;
    // So many lines were gone before they could be read.
    std::function<Result<>(std::uint64_t lines)> lost;
  };
  // What is new, at most about `most` bytes of it; true: there may be more. A Fault is the sink's: position() is then
  // past what it took, and the owner goes back to a position that it kept.
  Result<bool> read(std::size_t most, const Sink& sink);

  // Whether read() may find anything: the file grew, or is another one. A look without opening it.
  bool has_news() const;

  const Position& position() const { return position_; }
  void set_state(std::string state) { position_.state = std::move(state); }
  // As it was; the file is found again.
  void go_back(Position position);

 private:
  // The file at the position, or where that is gone the oldest one; false: there is nothing.
  Result<bool> find();
  Result<bool> go_on_to_next();
  Result<> take(std::string_view line, const Sink& sink);

  const std::string path_;
  const unsigned old_files_;
  Position position_;
  Fd file_;
  std::string block_;
  bool rotated_ = false;   // it is not the file that is written any more
  bool too_long_ = false;  // the line that is being skipped is longer than kLongest
};

}  // namespace bulkhead::collect
