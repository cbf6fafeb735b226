#pragma once

// Paths to endpoints: what is an id in a path is written as *, so that requests that are handled alike have one number.
// Numbers, UUIDs, hexadecimal and random words are ids by their looks; where a place in a path has many different
// words, all of them are. Memory and numbers are bounded, whatever a stranger asks for. One thread.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::collect {

struct PathLimits {
  std::size_t patterns = 256;  // numbers are below it; what is beyond shares the last, "other"
  std::size_t words = 32;      // different ones at one place of a path
  std::size_t segments = 12;   // what follows is **
};

class PathPatterns {
 public:
  explicit PathPatterns(PathLimits limits = {});

  // `kind` is what is told apart beside the path, e.g. "GET" or "payments POST"; the path's query is left out. A number
  // stays what it is; a path may get another one when its place turns out to have many words.
  std::uint32_t number(std::string_view kind, std::string_view path);
  const std::string& name(std::uint32_t number) const { return names_[number]; }  // "GET /orders/*"
  std::size_t size() const { return names_.size(); }

 private:
  struct Place {
    std::map<std::string, std::unique_ptr<Place>, std::less<>> words;
    std::unique_ptr<Place> any;
    bool many = false;
  };
  Place* next(Place& place, std::string_view segment, std::string& name);

  PathLimits limits_;
  std::map<std::string, Place, std::less<>> kinds_;
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
  std::vector<std::string> names_;
  std::size_t places_ = 0;
};

// Whether a segment of a path is an id by its looks.
bool looks_like_id(std::string_view segment);
// "/orders/*" of "/orders/o-17?all": each segment that looks like an id is a star, and the query is left out.
std::string without_ids(std::string_view path);

}  // namespace bulkhead::collect
