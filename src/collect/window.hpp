#pragma once

// One file of the store: what came in during one stretch of time. While it is written it has only the index by trace;
// sealing adds the others. Its meaning is complete in itself: names are numbered per file, and where the reading of
// each source stood is in the same transaction as what was read, so that a crash loses nothing and doubles nothing.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collect/database.hpp"
#include "collect/rows.hpp"

namespace bulkhead::collect {

// Where the reading of one file of lines stands.
struct Position {
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  std::uint64_t lines = 0;  // read of all files of this source so far, and those that were lost
  std::string state;        // what its next line is understood by: the counts that it said last
  bool operator==(const Position&) const = default;
};
using Positions = std::map<std::string, Position>;  // by source

// The writer's end. One thread.
class Window {
 public:
  // An existing file goes on.
  static Result<Window> open(const std::string& path);

  const std::string& path() const { return path_; }
  Result<Positions> positions();
  std::int64_t first_ms() const { return first_ms_; }  // when the oldest row was added; 0: none
  std::uint64_t spans() const { return spans_; }

  // Everything between begin() and commit() is kept, or nothing of it.
  Result<> begin();
  Result<> add(const SpanRow& row);
  Result<> add(const DecisionRow& row);
  Result<> add(const LogRow& row);
  Result<> add(const FlowRow& row);
  Result<> add(const AttemptRow& row);
  Result<> add(const TraceJoin& join);
  // `lines` of `source` never arrived.
  Result<> add_loss(std::int64_t at_ms, std::string_view source, std::uint64_t lines, std::string_view why);
  Result<> add_note(std::int64_t at_us, std::string_view source, std::string_view text);
  Result<> set_position(const std::string& source, const Position& position);
  Result<> commit(std::int64_t now_ms);
  void roll_back();

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Names = std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>>;

  Result<> prepare();
  Result<> load();
  // 0 for "".
  Result<std::int64_t> number(std::string_view name);

  std::string path_;
  Database database_;
  Statement add_name_, add_span_, add_decision_, add_log_, add_flow_, add_attempt_, add_join_, add_loss_, add_note_,
      put_position_;
  Names names_;
  std::vector<std::string> uncommitted_;  // names
  std::int64_t first_ms_ = 0;
  std::uint64_t spans_ = 0;
  std::uint64_t spans_uncommitted_ = 0;
};

// Thins out and indexes a file that nobody writes to any more. Spans beyond `most` go by whole traces, whose last octet
// draws the lot, but none that failed, was refused or took `slow_us`; how many went the file says. May take seconds.
Result<> seal(const std::string& path, std::uint64_t most, std::int64_t slow_us);

}  // namespace bulkhead::collect
