#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace bulkhead::control {

// Reads what services wrote, from the files that their keepers keep: JSON lines {"time","stream","line"}, one file for
// each instance, rotated by renaming. Only the launcher and root can.
class LogReader {
 public:
  using Sink = std::function<void(const std::string& instance, nlohmann::json line)>;

  // Of `service` (or of one instance, by its name), or of all where it is empty; begins with each instance's last
  // `lines` lines.
  LogReader(std::string directory, std::string service, int lines);

  // What is new since the last call, of one instance after the other. False where there was more than `most` bytes of
  // it: the next call goes on.
  bool read_new(const Sink& sink, std::size_t most = SIZE_MAX);
  // Whether there is a log at all.
  bool found_any() const { return !files_.empty(); }

 private:
  struct Place {
    std::uint64_t inode = 0;
    std::uint64_t offset = 0;
    std::string partial;
  };
  bool concerns(const std::string& instance) const;
  void read_file(const std::string& instance, const std::string& path, const Sink& sink, std::size_t& left);

  std::string directory_;
  std::string service_;
  int lines_;
  std::map<std::string, Place> files_;  // by instance
};

}  // namespace bulkhead::control
