#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace bulkhead::cli {

// Reads what services wrote, from the files that their keepers keep: JSON lines {"time","stream","line"}, one file for
// each instance, rotated by renaming. Prints "instance | line".
class LogReader {
 public:
  // Of `service`, or of all where it is empty; begins with each instance's last `lines` lines.
  LogReader(std::string directory, std::string service, int lines);

  // Prints what is new since the last call; the number of lines.
  int print_new();
  bool found_any() const { return !files_.empty(); }
  void as_json(bool json) { json_ = json; }

 private:
  struct Place {
    std::uint64_t inode = 0;
    std::uint64_t offset = 0;
    std::string partial;
  };
  bool concerns(const std::string& instance) const;
  int print_file(const std::string& instance, const std::string& path);
  void skip_to_last_lines(const std::string& path, Place& place) const;
  void print_line(const std::string& instance, const std::string& line) const;

  std::string directory_;
  std::string service_;
  int lines_;
  bool json_ = false;
  std::map<std::string, Place> files_;  // by instance
};

}  // namespace bulkhead::cli
